// The transcript, in blocks of segments: the browser lays out only the blocks that are near (content-visibility).
import { element } from "./dom.js";
import { text, time } from "./texts.js";

const SEGMENTS_OF_A_BLOCK = 50, SEGMENT_REM = 4.3;
const WITHOUT_SPACES = /[぀-ヿ㐀-鿿]/;

export class Transcript {
  constructor(segments, colours, onSeek) {
    Object.assign(this, { segments, colours, onSeek, articles: [], lit: null, matches: [], match: -1 });
    this.root = element("section", { id: "transcript" });
    for (let first = 0; first < segments.length; first += SEGMENTS_OF_A_BLOCK) this.root.append(this.block(first));
    this.searchBar = this.search();
    this.root.addEventListener("click", (event) => {
      const word = event.target.closest(".word");
      if (word) onSeek(Number(word.dataset.start));
    });
  }

  block(first) {
    const segments = this.segments.slice(first, first + SEGMENTS_OF_A_BLOCK);
    const made = element("div", { className: "block" }, ...segments.map((segment) => this.article(segment)));
    made.style.containIntrinsicSize = `auto ${segments.length * SEGMENT_REM}rem`;
    return made;
  }

  article(segment) {
    const made = element("article", {}, element("header", {},
      element("button", { onclick: () => this.onSeek(segment.start_time) }, time(segment.start_time)),
      element("b", {}, segment.speaker.speaker_id),
      ...(segment.emotion ? [element("span", {}, segment.emotion.label)] : [])),
      element("p", {}, ...(segment.words.length ? wordsOf(segment) : [segment.text])));
    made.style.setProperty("--speaker", this.colours.get(segment.speaker.speaker_id) ?? "gray");
    this.articles.push(made);
    return made;
  }

  /** Light the word that is spoken at this time. */
  show(seconds, follow) {
    const number = lastBefore(this.segments, seconds, (segment) => segment.start_time);
    const article = this.articles[number];
    const words = article?.querySelectorAll(".word") ?? [];
    const spoken = words[lastBefore(words, seconds, (word) => Number(word.dataset.start))];
    const word = spoken && seconds <= Number(spoken.dataset.end) + 0.3 ? spoken : null;
    if (word !== this.lit) {
      this.lit?.classList.remove("lit");
      word?.classList.add("lit");
      this.lit = word;
    }
    if (follow && article && number !== this.followed) {
      this.followed = number;
      article.scrollIntoView({ block: "center" });
    }
  }

  search() {
    const count = element("span", { role: "status", className: "dim" });
    const input = element("input", { type: "search", placeholder: text("search"), "aria-label": text("search"), oninput: () => this.find(input.value, count) });
    const go = (step) => () => this.go(step, count);
    return element("form", { className: "row", role: "search", onsubmit: (event) => { event.preventDefault(); this.go(1, count); } }, input, count,
      element("button", { type: "button", onclick: go(-1) }, text("previous")), element("button", { type: "button", onclick: go(1) }, text("next")));
  }

  find(wanted, count) {
    for (const number of this.matches) this.articles[number].classList.remove("found", "here");
    const needle = wanted.trim().toLowerCase();
    this.matches = needle ? this.segments.flatMap((segment, number) => (segment.text.toLowerCase().includes(needle) ? [number] : [])) : [];
    for (const number of this.matches) this.articles[number].classList.add("found");
    this.match = -1;
    count.textContent = needle && !this.matches.length ? text("nothing") : "";
    if (this.matches.length) this.go(1, count);
  }

  go(step, count) {
    if (!this.matches.length) return;
    this.articles[this.matches[this.match]]?.classList.remove("here");
    this.match = (this.match + step + this.matches.length) % this.matches.length;
    const article = this.articles[this.matches[this.match]];
    article.classList.add("here");
    article.scrollIntoView({ block: "center" });
    count.textContent = text("found", { number: this.match + 1, count: this.matches.length });
  }
}

function wordsOf(segment) {
  const between = WITHOUT_SPACES.test(segment.text) && !segment.text.trim().includes(" ") ? "" : " ";
  return segment.words.flatMap((word) => {
    const { pitch_hz, volume_db } = word.acoustic_features;
    const made = element("span", { className: "word", title: text("pitch", { hz: Math.round(pitch_hz), db: volume_db.toFixed(1) }) }, word.word);
    made.dataset.start = word.start;
    made.dataset.end = word.end;
    return between ? [made, between] : [made];
  });
}

/** Index of the last item whose time is not after `seconds`; -1 where there is none. Times rise. */
export function lastBefore(items, seconds, timeOf) {
  let low = 0, high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (timeOf(items[middle]) <= seconds) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
