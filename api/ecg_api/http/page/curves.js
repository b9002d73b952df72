// The waveform, and volume and pitch of all words over the whole length, on one canvas; drawn once for each width.
import { element } from "./dom.js";
import { text } from "./texts.js";

const STEP_S = 5;
const FLOOR_DB = -60, LOWEST_HZ = 60, HIGHEST_HZ = 500;

export class Curves {
  constructor(result, colours, onSeek) {
    Object.assign(this, { result, colours, onSeek, seconds: 0, picture: null });
    this.root = element("canvas", { tabIndex: 0, "aria-label": text("curve"), role: "slider", title: text("curve"),
      "aria-valuemin": 0, "aria-valuemax": Math.round(result.duration), "aria-valuenow": 0,
      onclick: (event) => onSeek((event.offsetX / this.root.clientWidth) * result.duration),
      onkeydown: (event) => this.key(event) });
    new ResizeObserver(() => this.draw()).observe(this.root);
  }

  key(event) {
    const step = { ArrowLeft: -STEP_S, ArrowRight: STEP_S }[event.key];
    if (!step) return;
    event.preventDefault();
    this.onSeek(Math.min(this.result.duration, this.seconds + step));
  }

  show(seconds) {
    this.seconds = seconds;
    this.root.setAttribute("aria-valuenow", Math.round(seconds));
    this.paint();
  }

  /** Draw the curves once; `paint` adds the moving line to a copy. */
  draw() {
    const scale = devicePixelRatio, width = Math.round(this.root.clientWidth * scale), height = Math.round(this.root.clientHeight * scale);
    if (!width || !height || !this.result.duration) return;
    this.root.width = width;
    this.root.height = height;
    this.picture = new OffscreenCanvas(width, height);
    const brush = this.picture.getContext("2d"), perSecond = width / this.result.duration;
    this.drawWaveform(brush, width, height);
    for (const { speaker, words } of this.result.segments) {
      brush.fillStyle = this.colours.get(speaker.speaker_id) ?? "gray";
      for (const { start, end, acoustic_features: { volume_db, pitch_hz } } of words) {
        const x = start * perSecond, loud = Math.max(0, 1 - volume_db / FLOOR_DB) * height * 0.55;
        brush.globalAlpha = 0.55;
        brush.fillRect(x, height - loud, Math.max(1, (end - start) * perSecond), loud);
        if (pitch_hz <= 0) continue;
        const high = Math.log(Math.min(HIGHEST_HZ, Math.max(LOWEST_HZ, pitch_hz)) / LOWEST_HZ) / Math.log(HIGHEST_HZ / LOWEST_HZ);
        brush.globalAlpha = 1;
        brush.fillRect(x, height * (0.45 - 0.42 * high), Math.max(2 * scale, (end - start) * perSecond), 2 * scale);
      }
    }
    this.paint();
  }

  drawWaveform(brush, width, height) {
    const peaks = this.result.metadata.waveform ?? [], step = width / peaks.length;
    brush.fillStyle = getComputedStyle(this.root).borderColor;
    peaks.forEach((percent, n) => {
      const tall = Math.max(1, (percent / 100) * height);
      brush.fillRect(n * step, (height - tall) / 2, Math.ceil(step), tall);
    });
  }

  paint() {
    if (!this.picture) return;
    const brush = this.root.getContext("2d"), { width, height } = this.root;
    brush.clearRect(0, 0, width, height);
    brush.drawImage(this.picture, 0, 0);
    brush.fillStyle = getComputedStyle(this.root).color;
    brush.fillRect((this.seconds / this.result.duration) * width, 0, 2 * devicePixelRatio, height);
  }
}
