// Chooses between the list of jobs and the view of one, by the address.
import { trouble } from "./dom.js";
import { showJob } from "./job.js";
import { showJobs } from "./jobs.js";
import { language, setLanguage, text } from "./texts.js";

document.documentElement.lang = language;
for (const place of document.querySelectorAll("[data-text]")) place.textContent = text(place.dataset.text);
const chooser = document.getElementById("language");
chooser.value = language;
chooser.addEventListener("change", () => setLanguage(chooser.value));

const main = document.querySelector("main");
const job = location.pathname.match(/^\/jobs\/([^/]+)\/view\/?$/);
const shown = job ? showJob(main, decodeURIComponent(job[1])) : showJobs(main);
shown.catch((error) => trouble(error.message));
