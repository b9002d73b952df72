// A job's server-sent events, read by fetch: EventSource cannot send a key.
import { ask, pathOf, Refused } from "./server.js";

const PAUSE_MS = 1000;

/** The status now and at each change up to the final one; a stream that breaks off is asked for again. */
export async function* statuses(id) {
  for (let last = null; ; await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))) {
    try {
      const answer = await ask(`${pathOf(id)}/events`, { headers: last ? { "Last-Event-ID": last } : {} });
      for await (const event of eventsIn(answer.body)) {
        if (event.event === "removed") throw new Refused(404, "the job was removed");
        const job = JSON.parse(event.data);
        last = event.id;
        yield job;
        if (job.status !== "processing") return;
      }
    } catch (error) {
      if (error instanceof Refused && error.status !== 503) throw error;
    }
  }
}

/** The fields of each event by name; heartbeats, which are comments, have none. */
async function* eventsIn(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; ; ) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (text + value).split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s, 2)));
      if (fields.event) yield fields;
    }
  }
}
