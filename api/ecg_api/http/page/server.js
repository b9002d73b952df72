// Requests to the API of the server that the page came from.
import { trouble } from "./dom.js";
import { text } from "./texts.js";

const SAVED = "ecg-key";

export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

function headers() {
  const key = sessionStorage.getItem(SAVED);
  return key ? { Authorization: `Bearer ${key}` } : {};
}

/** The answer to a request. Throws Refused with the server's own words; asks for a key where one is needed. */
export async function ask(path, options = {}) {
  const answer = await fetch(path, { ...options, headers: { ...headers(), ...options.headers } });
  if (answer.status === 401) askForKey();
  if (!answer.ok) throw new Refused(answer.status, (await answer.json().catch(() => ({}))).detail ?? `HTTP ${answer.status}`);
  return answer;
}

export const json = async (path, options) => (await ask(path, options)).json();
export const post = (path, body) =>
  json(path, { method: "POST", body: JSON.stringify(body ?? {}), headers: { "Content-Type": "application/json" } });
export const pathOf = (id) => `/jobs/${encodeURIComponent(id)}`;

/** Send a file; `onProgress` gets percentages. Resolves with the id of its job once that is stored. */
export function upload(file, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(), form = new FormData();
    form.append("file", file);
    request.open("POST", "/jobs");
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => onProgress(Math.round((100 * event.loaded) / event.total)));
    request.addEventListener("error", () => reject(new Error("the connection broke off")));
    request.addEventListener("load", () => {
      const answer = JSON.parse(request.responseText || "{}");
      if (request.status === 401) askForKey();
      if (request.status === 202) resolve(answer.job_id);
      else reject(new Refused(request.status, answer.detail ?? `HTTP ${request.status}`));
    });
    request.send(form);
  });
}

function askForKey() {
  const form = document.getElementById("key");
  if (sessionStorage.getItem(SAVED)) trouble(text("wrongKey"));
  form.hidden = false;
  form.onsubmit = (event) => {
    event.preventDefault();
    sessionStorage.setItem(SAVED, form.key.value);
    location.reload();
  };
  form.key.focus();
}
