// The video, the playhead that follows it, the boxes over it, and what sets them.
const video = $("video"), playhead = $("playhead"), boxes = $("boxes");
const calm = matchMedia("(prefers-reduced-motion: reduce)");
let told = -1;

const now = () => Math.min(video.currentTime || 0, data.duration);

function seek(t) {
  video.currentTime = Math.max(0, Math.min(data.duration - 0.001, t));
  place();
}

// Where the playhead is: the window of time follows it page by page.
function place() {
  const t = now(), span = view.to - view.from;
  if (span < data.duration && (t < view.from || t > view.from + 0.95 * span)) {
    show(t - 0.1 * span, span);
    return;
  }
  playhead.style.transform = `translateX(${x(t)}px)`;
  const words = `${seconds(t)}: ${at(t)}`;
  $("now").textContent = words;
  // a screen reader must not hear about every frame
  if (video.paused || Math.abs(t - told) >= 1) {
    told = t;
    timeline.setAttribute("aria-valuenow", t.toFixed(2));
    timeline.setAttribute("aria-valuetext", words);
  }
  outline(t);
}

function show(from, span) {
  const width = Math.min(span || data.duration, data.duration);
  view.from = Math.max(0, Math.min(from, data.duration - width));
  view.to = view.from + width;
  draw();
}

function outline(t) {
  const ratio = window.devicePixelRatio || 1, wide = boxes.clientWidth, high = boxes.clientHeight;
  if (boxes.width !== Math.round(wide * ratio)) boxes.width = Math.round(wide * ratio);
  if (boxes.height !== Math.round(high * ratio)) boxes.height = Math.round(high * ratio);
  const pen = boxes.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, wide, high);
  if (!$("show-boxes").checked || !video.videoWidth) return;
  const scale = Math.min(wide / video.videoWidth, high / video.videoHeight);
  const w = video.videoWidth * scale, h = video.videoHeight * scale, left = (wide - w) / 2, top = (high - h) / 2;
  for (const track of data.tracks) {
    const box = boxAt(track, t);
    if (!box) continue;
    const [x1, y1, x2, y2] = [left + box[0] * w, top + box[1] * h, left + box[2] * w, top + box[3] * h];
    for (const [colour, width] of [["#000000aa", 5], [["#8fb8ff", "#ffb27a", "#5fd3b0", "#e3a8e8"][track.lane % 4], 2.5]]) {
      pen.strokeStyle = colour;
      pen.lineWidth = width;
      pen.strokeRect(x1, y1, x2 - x1, y2 - y1);
    }
    label(pen, track, x1, y1 > 24 ? y1 - 24 : y2 + 4);
  }
}

function label(pen, track, left, top) {
  const sign = track.offset_ms > 0 ? "+" : "", answer = track.decided ? `${sign}${Math.round(track.offset_ms)} ms`.replace("-", "−") : "undecided";
  const text = `face ${track.id}  ${answer}`;
  pen.font = "600 13px system-ui, sans-serif";
  pen.textBaseline = "middle";
  pen.fillStyle = "#000000c4";
  pen.fillRect(left - 2, top, pen.measureText(text).width + 14, 20);
  pen.fillStyle = "#ffffff";
  pen.fillText(text, left + 5, top + 10.5);
}

// The box between two that were kept, in shares of the picture.
function boxAt(track, t) {
  if (!track.boxes || t < track.start || t > track.end) return null;
  const { at: when, corners } = track.boxes, place = t / data.box_step, k = before(when, place);
  if (!when.length) return null;
  const here = Math.max(0, k), next = Math.min(when.length - 1, here + 1);
  const part = next > here ? Math.max(0, Math.min(1, (place - when[here]) / (when[next] - when[here]))) : 0;
  return [0, 1, 2, 3].map((c) => ((1 - part) * corners[4 * here + c] + part * corners[4 * next + c]) / 65535);
}

function tick() {
  place();
  if (!video.paused && !video.ended && !calm.matches) requestAnimationFrame(tick);
}

const KEYS = { ArrowLeft: -0.2, ArrowRight: 0.2, ArrowDown: -0.2, ArrowUp: 0.2, PageDown: -5, PageUp: 5, Home: -Infinity, End: Infinity };

timeline.addEventListener("keydown", (event) => {
  if (!(event.key in KEYS) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const by = KEYS[event.key];
  seek(now() + (event.shiftKey && Math.abs(by) === 0.2 ? by / 5 : by));
});

document.addEventListener("keydown", (event) => {
  if (event.key !== " " || event.target.closest("button, input, summary, a, video")) return;
  event.preventDefault();
  if (video.paused) video.play(); else video.pause();
});

timeline.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  timeline.setPointerCapture(event.pointerId);
  timeline.focus({ preventScroll: true });
  seek(timeAt(event.clientX - timeline.getBoundingClientRect().left));
});
timeline.addEventListener("pointermove", (event) => {
  if (timeline.hasPointerCapture(event.pointerId)) seek(timeAt(event.clientX - timeline.getBoundingClientRect().left));
});

for (const name of ["timeupdate", "seeked", "seeking", "pause", "loadeddata", "resize"]) video.addEventListener(name, place);
video.addEventListener("play", tick);
$("show-boxes").addEventListener("change", place);
for (const zoom of document.getElementsByName("zoom")) {
  zoom.disabled = Number(zoom.value) >= data.duration;
  zoom.addEventListener("change", () => show(Number(zoom.value) ? now() - Number(zoom.value) / 2 : 0, Number(zoom.value)));
}
