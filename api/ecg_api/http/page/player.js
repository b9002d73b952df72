// The player. The server keeps no media, so the browser plays a file or address that the user names.
import { element } from "./dom.js";
import { text } from "./texts.js";

export class Player {
  constructor() {
    this.onTime = () => {};
    this.seconds = 0;
    this.video = element("video", { controls: true, hidden: true, ontimeupdate: () => this.tell(), onseeking: () => this.tell(),
      onplay: () => this.run(), onloadedmetadata: () => this.loaded() });
    const file = element("input", { type: "file", accept: "video/*,audio/*", "aria-label": text("media"),
      onchange: () => this.load(URL.createObjectURL(file.files[0])) });
    const address = element("input", { type: "url", placeholder: text("orAddress"), "aria-label": text("orAddress") });
    this.following = element("input", { type: "checkbox", checked: true });
    this.root = element("div", {}, this.video, element("form", { className: "row", onsubmit: (event) => {
      event.preventDefault();
      if (address.value) this.load(address.value);
    } }, element("label", {}, text("media"), " ", file), address, element("button", {}, text("play")),
      element("label", {}, this.following, " ", text("follow"))));
    document.addEventListener("keydown", (event) => this.key(event));
  }

  get follows() {
    return this.following.checked && !this.video.paused;
  }

  load(address) {
    this.video.hidden = false;
    this.video.src = address;
  }

  loaded() {
    this.video.classList.toggle("sound", !this.video.videoWidth);
    this.video.currentTime = this.seconds;
  }

  /** Go there; without media, only the marks move. */
  seek(seconds) {
    this.seconds = Math.max(0, seconds);
    if (this.video.readyState > 0) this.video.currentTime = this.seconds;
    this.onTime(this.seconds);
  }

  tell() {
    this.seconds = this.video.currentTime;
    this.onTime(this.seconds);
  }

  /** While it plays, with every frame: `timeupdate` comes four times a second, words change faster. */
  run() {
    if (this.video.paused) return;
    this.tell();
    requestAnimationFrame(() => this.run());
  }

  key(event) {
    if (event.target.closest("input, select, button, video, a, canvas") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " " && this.video.readyState > 0) {
      event.preventDefault();
      if (this.video.paused) this.video.play();
      else this.video.pause();
    }
  }
}
