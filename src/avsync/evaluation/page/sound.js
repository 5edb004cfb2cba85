// The same picture with its sound moved, to hear what a fix would do.
const delay = $("delay"), choices = document.getElementsByName("sound");
const movie = data.embedded ? bytes($("movie").textContent) : null;

const moved = () => choices[1].checked;
const by = () => Number(delay.value) / 1000;

// An embedded file is decoded, and placed to the sample on the clock of the sound card.
const decoded = {
  async ready() {
    if (this.context) return;
    this.context = new AudioContext();
    this.volume = this.context.createGain();
    this.volume.connect(this.context.destination);
    this.buffer = await this.context.decodeAudioData(movie.buffer.slice(0));
  },
  start(position) {
    this.stop();
    const rate = video.playbackRate, from = position + (this.context.outputLatency || 0) * rate;
    this.context.resume();
    this.volume.gain.value = video.volume;
    this.source = this.context.createBufferSource();
    this.source.buffer = this.buffer;
    this.source.playbackRate.value = rate;
    this.source.connect(this.volume);
    this.began = { time: this.context.currentTime, position: from };
    if (from < this.buffer.duration) this.source.start(this.context.currentTime + Math.max(0, -from) / rate, Math.max(0, from));
  },
  stop() {
    if (this.source && this.began) this.source.disconnect();
    this.source = null;
  },
  // Seconds by which what is heard strays from where it should be.
  strays(position) {
    const rate = video.playbackRate, at = this.began.position + (this.context.currentTime - this.began.time) * rate;
    return at - (this.context.outputLatency || 0) * rate - position;
  },
};

// A file beside the page must not be read by a script: a second player gives its sound, near enough to listen to.
const second = {
  async ready() {
    if (!this.audio) this.audio = new Audio(data.source);
  },
  start(position) {
    this.audio.volume = video.volume;
    this.audio.playbackRate = video.playbackRate;
    this.source = true;
    this.audio.currentTime = Math.max(0, position);
    this.audio.play().catch(trouble);
  },
  stop() {
    this.source = null;
    if (this.audio) this.audio.pause();
  },
  strays(position) {
    return this.audio.seeking || position < 0 ? 0 : this.audio.currentTime - position;
  },
};
const other = data.embedded ? decoded : second;
const AGAIN = data.embedded ? 0.04 : 0.08;

async function apply() {
  video.muted = moved();
  $("delayed").textContent = `${delay.value > 0 ? "+" : ""}${delay.value} ms`.replace("-", "−");
  delay.setAttribute("aria-valuetext", `${delay.value} ms`);
  if (moved()) await other.ready().catch(trouble);
  follow();
}

function follow() {
  if (moved() && !video.paused && !video.seeking && (other.buffer || other.audio)) other.start(video.currentTime - by());
  else other.stop();
}

function trouble(error) {
  $("trouble").textContent = `The moved sound cannot be played here: ${error.message || error}`;
  $("trouble").hidden = false;
}

for (const name of ["playing", "seeked", "ratechange"]) video.addEventListener(name, follow);
for (const name of ["pause", "seeking", "waiting", "ended"]) video.addEventListener(name, () => other.stop());
video.addEventListener("volumechange", () => {
  if (!moved()) return;
  if (!video.muted) video.muted = true;
  if (other.volume) other.volume.gain.value = video.volume;
});
setInterval(() => {
  if (moved() && other.source && !video.paused && Math.abs(other.strays(video.currentTime - by())) > AGAIN) follow();
}, 250);
for (const choice of choices) choice.addEventListener("change", apply);
delay.addEventListener("input", () => {
  choices[1].checked = true;
  apply();
});
