// One job: its progress, then its transcript beside the player.
import { Curves } from "./curves.js";
import { element, trouble } from "./dom.js";
import { stateOf } from "./jobs.js";
import { Player } from "./player.js";
import { statuses } from "./events.js";
import { ask, json, pathOf } from "./server.js";
import { text, time } from "./texts.js";
import { Transcript } from "./transcript.js";

const FORMATS = ["json", "srt", "vtt", "txt", "tsv"];

export async function showJob(main, id) {
  document.title = `${id} - ECG Audio Analyzer`;
  const status = element("div", { className: "row", role: "status" });
  main.replaceChildren(element("h1", {}, id), status);
  const job = await untilFinal(id, status);
  if (job.status === "completed") showResult(main, id, await json(`${pathOf(id)}/result`));
}

async function untilFinal(id, status) {
  for await (const job of statuses(id)) {
    const parts = [stateOf(job)];
    if (job.eta_seconds != null) parts.push(text("left", { seconds: Math.round(job.eta_seconds) }));
    if (job.processing_time != null) parts.push(text("seconds", { seconds: job.processing_time.toFixed(1) }));
    if (job.callback.state !== "disabled") parts.push(text("callback", { state: job.callback.state }));
    parts.push(...job.notes);
    status.replaceChildren(...parts.map((part) => (typeof part === "string" ? element("span", { className: "dim" }, part) : part)));
    if (job.status !== "processing") return job;
  }
}

function showResult(main, id, result) {
  const colours = new Map(Object.keys(result.speakers).map((speaker, number) => [speaker, `hsl(${(number * 137 + 210) % 360} 60% 50%)`]));
  const player = new Player();
  const transcript = new Transcript(result.segments, colours, (seconds) => player.seek(seconds));
  const curves = new Curves(result, colours, (seconds) => player.seek(seconds));
  player.onTime = (seconds) => {
    transcript.show(seconds, player.follows);
    curves.show(seconds);
  };
  main.append(
    downloads(id),
    element("section", { id: "player" }, player.root, curves.root, legend(result, colours), transcript.searchBar),
    result.segments.length ? transcript.root : element("p", { className: "dim" }, text("silence")),
  );
  curves.draw();
}

function downloads(id) {
  const link = (format) => element("button", { onclick: () => save(id, format).catch((error) => trouble(error.message)) }, format.toUpperCase());
  return element("div", { className: "row" }, text("download"), ...FORMATS.map(link));
}

/** By a request of our own, which can have the key. */
async function save(id, format) {
  const content = await (await ask(`${pathOf(id)}/result?format=${format}`)).blob();
  const address = URL.createObjectURL(content);
  element("a", { href: address, download: `${id.replace(/[/\\]/g, "_")}.${format}` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

function legend(result, colours) {
  const entries = Object.entries(result.speakers).map(([speaker, { total_duration, segment_count }]) => {
    const mark = element("span", { className: "mark" });
    mark.style.setProperty("--speaker", colours.get(speaker));
    return element("span", {}, mark, `${speaker} · ${time(total_duration)} · ${text("segments", { count: segment_count })}`);
  });
  return element("div", { id: "legend", "aria-label": text("speakers") }, ...entries,
    element("span", { className: "dim" }, `${result.language} · ${time(result.duration)}`));
}
