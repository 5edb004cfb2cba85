// The distance matrix of every face, the offset over time and the sound, on one axis of time.
const plots = $("plots"), timeline = $("timeline");
const LEFT = 52, AXIS = 22, GAP = 16, CURVE = 130, SOUND = 46, TITLE = 18;
const lanes = Math.max(0, ...data.tracks.map((track) => track.lane)) + 1;
const laneHeight = lanes > 2 ? Math.max(56, Math.round(300 / lanes)) : 170;
const view = { from: 0, to: data.duration, width: 0, height: 0 };

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const face = (track) => css(`--face${track.lane % 4}`);
const x = (t) => LEFT + (t - view.from) / (view.to - view.from) * (view.width - LEFT);
const timeAt = (px) => view.from + (px - LEFT) / (view.width - LEFT) * (view.to - view.from);

function draw() {
  const ratio = window.devicePixelRatio || 1;
  view.width = timeline.clientWidth;
  view.height = lanes * (TITLE + laneHeight + GAP) + TITLE + CURVE + GAP + TITLE + SOUND + AXIS;
  plots.width = Math.round(view.width * ratio);
  plots.height = Math.round(view.height * ratio);
  plots.style.height = `${view.height}px`;
  const pen = plots.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.font = "12px system-ui, sans-serif";
  pen.textBaseline = "middle";
  let top = 0;
  for (let lane = 0; lane < lanes; lane++) {
    const mine = data.tracks.filter((track) => track.lane === lane);
    title(pen, top, lanes > 1 ? `Distance between sound and lips, face ${mine.map((one) => one.id).join(", ")}` : "Distance between sound and lips");
    matrices(pen, mine, top + TITLE, laneHeight);
    top += TITLE + laneHeight + GAP;
  }
  title(pen, top, "Offset, over runs of 0.6 s");
  curve(pen, top + TITLE);
  top += TITLE + CURVE + GAP;
  title(pen, top, "Sound; speech in colour");
  loudness(pen, top + TITLE);
  axis(pen, view.height - AXIS);
  place();
}

function title(pen, top, text) {
  pen.fillStyle = css("--soft");
  pen.textAlign = "left";
  pen.fillText(text, LEFT, top + TITLE / 2 - 2);
}

// Milliseconds of offset at the left, positive at the top.
function rows(pen, top, height) {
  const reach = data.search_ms, y = (ms) => top + height / 2 - ms / reach * height / 2;
  const step = [50, 100, 200, 300, 500, 1000, 2000, 5000, 10000, 20000].find((one) => reach / one <= Math.max(1, height / 56)) || reach;
  pen.textAlign = "right";
  pen.fillStyle = css("--soft");
  for (let ms = -Math.floor(reach / step) * step; ms <= reach; ms += step) pen.fillText(`${ms > 0 ? "+" : ""}${ms}`.replace("-", "−"), LEFT - 8, y(ms));
  return y;
}

function matrices(pen, tracks, top, height) {
  pen.fillStyle = css("--page");
  pen.fillRect(LEFT, top, view.width - LEFT, height);
  for (const track of tracks) if (track.matrix) matrix(pen, track, top, height);
  const y = rows(pen, top, height);
  for (const track of tracks) if (track.offset_ms !== null) answer(pen, track, y(track.offset_ms));
}

// A hairline, so that what it points at stays in sight, between two arrows.
function answer(pen, track, y) {
  const from = Math.max(LEFT, x(track.start)), to = Math.min(view.width, x(track.end));
  if (to <= from) return;
  pen.strokeStyle = "#ffffff99";
  pen.lineWidth = 1;
  pen.setLineDash(track.decided ? [6, 6] : [2, 8]);
  pen.beginPath();
  pen.moveTo(from, y);
  pen.lineTo(to, y);
  pen.stroke();
  pen.setLineDash([]);
  pen.lineWidth = 1.5;
  pen.strokeStyle = "#000000";
  pen.fillStyle = "#ffffff";
  for (const [tip, side] of to - from > 60 ? [[from, 1], [to, -1]] : []) {
    pen.beginPath();
    pen.moveTo(tip + 9 * side, y);
    pen.lineTo(tip, y - 6);
    pen.lineTo(tip, y + 6);
    pen.closePath();
    pen.stroke();
    pen.fill();
  }
}

// One column of pixels is the mean of the rows that fall into it; what is compared with silence is faint.
function matrix(pen, track, top, height) {
  const { first, rows, columns, cells } = track.matrix, step = data.step;
  const from = Math.max(LEFT, Math.floor(x(track.start))), to = Math.min(view.width, Math.ceil(x(track.end)));
  if (to <= from) return;
  const picture = new ImageData(to - from, columns);
  for (let px = from; px < to; px++) {
    const low = Math.floor((timeAt(px) / 0.04 - 2) / step) - first, high = Math.floor((timeAt(px + 1) / 0.04 - 2) / step) - first;
    const begin = Math.max(0, Math.min(rows - 1, low)), end = Math.max(begin + 1, Math.min(rows, high));
    for (let c = 0; c < columns; c++) {
      let sum = 0, count = 0;
      for (let row = begin; row < end; row++) {
        const cell = cells[row * columns + c];
        if (cell !== 255) { sum += cell; count++; }
      }
      if (!count) continue;
      const at = 4 * ((columns - 1 - c) * (to - from) + px - from), colour = 3 * (255 - Math.round(sum / count));
      picture.data[at] = colours[colour];
      picture.data[at + 1] = colours[colour + 1];
      picture.data[at + 2] = colours[colour + 2];
      picture.data[at + 3] = silent(timeAt(px) - (c - (columns - 1) / 2) * 0.04) ? 70 : 255;
    }
  }
  const small = document.createElement("canvas");
  small.width = to - from;
  small.height = columns;
  small.getContext("2d").putImageData(picture, 0, 0);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(small, from, top, to - from, height);
}

// The window of sound at time t is 0.2 s long.
function silent(t) {
  const { levels, step, line } = data.sound;
  const begin = Math.max(0, Math.round((t - 0.1) / step)), end = Math.max(begin + 1, Math.round((t + 0.1) / step));
  for (let k = begin; k < end; k++) if (levels[k] > line) return false;
  return true;
}

function curve(pen, top) {
  pen.fillStyle = css("--page");
  pen.fillRect(LEFT, top, view.width - LEFT, CURVE);
  const y = rows(pen, top, CURVE), [late, early] = data.ebu_ms;
  pen.fillStyle = css("--band");
  pen.fillRect(LEFT, y(early), view.width - LEFT, y(late) - y(early));
  pen.fillStyle = css("--line");
  pen.fillRect(LEFT, y(0), view.width - LEFT, 1);
  pen.save();
  pen.beginPath();
  pen.rect(LEFT, top, view.width - LEFT, CURVE);
  pen.clip();
  for (const track of data.tracks) {
    const { time, offset, confidence } = track.windows, sure = Math.max(1e-6, track.surest);
    pen.fillStyle = face(track);
    for (let k = Math.max(0, before(time, view.from) - 1); k < time.length && time[k] < view.to; k++) {
      pen.globalAlpha = 0.15 + 0.85 * Math.min(1, Math.max(0, confidence[k] / sure));
      pen.beginPath();
      pen.arc(x(time[k]), y(offset[k]), 2.6, 0, 7);
      pen.fill();
    }
    pen.globalAlpha = 1;
    if (track.offset_ms === null) continue;
    pen.strokeStyle = css("--ink");
    pen.lineWidth = 1.5;
    pen.setLineDash(track.decided ? [8, 5] : [2, 6]);
    pen.beginPath();
    pen.moveTo(x(track.start), y(track.offset_ms));
    pen.lineTo(x(track.end), y(track.offset_ms));
    pen.stroke();
    pen.setLineDash([]);
  }
  pen.restore();
}

function loudness(pen, top) {
  const { levels, step, line } = data.sound;
  pen.fillStyle = css("--page");
  pen.fillRect(LEFT, top, view.width - LEFT, SOUND);
  const speech = css("--speech"), silence = css("--silence");
  for (let px = LEFT; px < view.width; px++) {
    const begin = Math.max(0, Math.floor(timeAt(px) / step)), end = Math.max(begin + 1, Math.floor(timeAt(px + 1) / step));
    let loudest = 0;
    for (let k = begin; k < end && k < levels.length; k++) loudest = Math.max(loudest, levels[k]);
    const high = Math.max(1, loudest / 240 * SOUND);
    pen.fillStyle = loudest > line ? speech : silence;
    pen.fillRect(px, top + SOUND - high, 1, high);
  }
}

function axis(pen, top) {
  const span = view.to - view.from, room = Math.max(2, Math.floor((view.width - LEFT) / 80));
  const step = [0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600].find((one) => span / one <= room) || 7200;
  pen.fillStyle = css("--soft");
  for (let t = Math.ceil(view.from / step) * step; t <= view.to + 1e-6; t += step) {
    pen.fillRect(Math.round(x(t)), top, 1, 4);
    pen.textAlign = x(t) > view.width - 30 ? "right" : x(t) < LEFT + 14 ? "left" : "center";
    pen.fillText(clockWords(t, step), x(t), top + 13);
  }
}

function clockWords(t, step) {
  if (data.duration < 90) return `${step < 1 ? t.toFixed(1) : Math.round(t)} s`;
  const whole = Math.round(t), two = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600), rest = `${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  return hours ? `${hours}:${rest}` : rest;
}

function scale() {
  const pen = $("scale").getContext("2d");
  for (let px = 0; px < 96; px++) {
    const colour = 3 * Math.round(255 - px / 95 * 255);
    pen.fillStyle = `rgb(${colours[colour]},${colours[colour + 1]},${colours[colour + 2]})`;
    pen.fillRect(px, 0, 1, 10);
  }
}
