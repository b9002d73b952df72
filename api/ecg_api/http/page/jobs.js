// The list of jobs, the newest first, with their progress; new ones by upload or address.
import { element, trouble } from "./dom.js";
import { ask, json, pathOf, post, upload } from "./server.js";
import { text } from "./texts.js";

const EVERY_MS = 2000;
const STATES = ["queued", "running", "completed", "failed", "cancelled"];

export async function showJobs(main) {
  const rows = element("tbody");
  const state = element("select", { "aria-label": text("state"), onchange: () => list.reload() },
    element("option", { value: "" }, text("all")), ...STATES.map((name) => element("option", { value: name }, text(name))));
  const more = element("button", { hidden: true, onclick: () => list.more() }, text("more"));
  const empty = element("p", { className: "dim", hidden: true }, text("none"));
  const list = new JobList(rows, state, more, empty);
  main.replaceChildren(
    newJob(() => list.reload()),
    element("div", { className: "row" }, element("h1", {}, text("jobs")), state),
    element("table", {}, element("thead", {}, element("tr", {},
      ...["job", "state", "submitted", "spoken"].map((name) => element("th", { scope: "col" }, text(name))),
      element("th", {}, element("span", { className: "hidden" }, text("cancel"))))), rows),
    empty, more,
  );
  await list.reload();
  setInterval(() => document.hidden || list.refresh().catch((error) => trouble(error.message)), EVERY_MS);
}

class JobList {
  constructor(rows, state, more, empty) {
    Object.assign(this, { rows, state, moreButton: more, empty, cursor: null, pages: 1 });
  }

  async reload() {
    this.pages = 1;
    await this.refresh();
  }

  async more() {
    this.pages += 1;
    await this.refresh();
  }

  async refresh() {
    const jobs = [];
    let cursor = null;
    for (let page = 0; page < this.pages; page += 1) {
      const query = new URLSearchParams({ limit: 50 });
      if (this.state.value) query.set("state", this.state.value);
      if (cursor) query.set("cursor", cursor);
      const found = await json(`/jobs?${query}`);
      jobs.push(...found.jobs);
      cursor = found.cursor;
      if (!cursor) break;
    }
    this.moreButton.hidden = !cursor;
    this.empty.hidden = jobs.length > 0;
    this.show(jobs);
  }

  /** Rows are replaced only where they changed, so that the focus stays. */
  show(jobs) {
    const old = new Map([...this.rows.children].map((row) => [row.dataset.known, row]));
    const rows = jobs.map((job) => {
      const { eta_seconds, processing_time, eta, ...known } = job;
      const key = JSON.stringify(known);
      return old.get(key) ?? this.row(job, key);
    });
    const same = rows.length === this.rows.children.length && rows.every((row, n) => row === this.rows.children[n]);
    if (!same) this.rows.replaceChildren(...rows);
  }

  row(job, known) {
    const act = (name, request) =>
      element("button", { onclick: () => request().then(() => this.refresh()).catch((error) => trouble(error.message)),
        "aria-label": `${text(name)}: ${job.job_id}` }, text(name));
    const actions = {
      processing: () => [act("cancel", () => post(`${pathOf(job.job_id)}/cancel`))],
      failed: () => [retry(), remove()],
      cancelled: () => [retry(), remove()],
      completed: () => [remove()],
    };
    const retry = () => act("retry", () => post(`${pathOf(job.job_id)}/retry`));
    const remove = () => act("remove", async () => confirm(text("reallyRemove")) && ask(pathOf(job.job_id), { method: "DELETE" }));
    const row = element("tr", {},
      element("td", {}, element("a", { href: `${pathOf(job.job_id)}/view` }, job.job_id)),
      element("td", {}, stateOf(job)),
      element("td", { className: "dim" }, job.submitted_at ? new Date(job.submitted_at).toLocaleString() : ""),
      element("td", {}, job.language ?? ""),
      element("td", {}, ...actions[job.status]()));
    row.dataset.known = known;
    return row;
  }
}

/** A progress bar with the stage's message, or the state in a word. */
export function stateOf(job) {
  if (job.status !== "processing") {
    const why = job.error ? `: ${job.error.code}, ${job.error.message}` : "";
    return element("span", { className: job.status }, text(job.status) + why);
  }
  const place = job.queue_position ? text("position", { position: job.queue_position }) : job.message || text(job.stage);
  return element("span", {}, element("progress", { max: 100, value: job.progress, "aria-label": job.job_id }), ` ${place}`);
}

function newJob(onChange) {
  const note = element("p", { role: "status", className: "dim" });
  const send = async (file) => {
    trouble();
    const progress = (percent) => { note.textContent = text("sending", { name: file.name, percent }); };
    try {
      location.href = `${pathOf(await upload(file, progress))}/view`;
    } catch (error) {
      note.textContent = "";
      trouble(error.message);
    }
  };
  const picker = element("input", { type: "file", accept: "video/*,audio/*", hidden: true, onchange: () => send(picker.files[0]) });
  const drop = element("div", { id: "drop" }, text("drop"), " ",
    element("button", { onclick: () => picker.click() }, text("choose")), picker, note);
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files.length) send(event.dataTransfer.files[0]);
  });
  const address = element("input", { type: "url", required: true, placeholder: text("address"), "aria-label": text("address") });
  const form = element("form", { className: "row", onsubmit: async (event) => {
    event.preventDefault();
    trouble();
    try {
      await post("/api/upload-video/process-video", { job_id: newId(), video_url: address.value });
      address.value = "";
      onChange();
    } catch (error) {
      trouble(error.message);
    }
  } }, address, element("button", {}, text("analyse")));
  return element("section", {}, drop, form);
}

/** A random UUID; `crypto.randomUUID` is missing where the page does not come over https. */
function newId() {
  const digits = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, "$1-$2-4$3-a$4-$5");
}
