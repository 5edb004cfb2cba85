"use strict";
// What the page was given, unpacked.
const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);

const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

function words(text) {
  const raw = bytes(text);
  return new Uint16Array(raw.buffer, 0, raw.length >> 1);
}

for (const track of data.tracks) {
  if (track.matrix) track.matrix.cells = bytes(track.matrix.data);
  if (track.boxes) track.boxes.corners = words(track.boxes.data);
}
data.sound.levels = bytes(data.sound.data);
const colours = bytes(data.colours); // 256 times red, green, blue

const seconds = (t) => `${t.toFixed(2)} s`;

function inWords(ms) {
  const whole = Math.round(Math.abs(ms));
  return whole === 0 ? "in sync" : `audio ${ms > 0 ? "leads" : "lags"} by ${whole} ms`;
}

// Index of the last of a rising list that is at most x, -1 before the first.
function before(list, x) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] <= x) low = middle + 1; else high = middle;
  }
  return low - 1;
}

// What was measured around time t: one sentence for each face on screen.
function at(t) {
  const said = [];
  for (const track of data.tracks) {
    if (t < track.start || t > track.end) continue;
    const k = nearest(track.windows.time, t);
    const near = k >= 0 && Math.abs(track.windows.time[k] - t) < 1.0;
    const answer = near ? `${inWords(track.windows.offset[k])}, confidence ${track.windows.confidence[k].toFixed(2)}` : "no speech that a face shows";
    said.push(data.tracks.length > 1 ? `face ${track.id}: ${answer}` : answer);
  }
  return said.length ? said.join("; ") : "no face";
}

function nearest(list, x) {
  const k = before(list, x);
  return k + 1 < list.length && (k < 0 || list[k + 1] - x < x - list[k]) ? k + 1 : k;
}
