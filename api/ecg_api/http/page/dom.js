// Elements. All text goes in as text: nothing of a job is ever parsed as HTML.

/** A new element; properties that start with "on" are listeners, the others are set, or become attributes with a dash. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name.includes("-")) made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

export function trouble(message) {
  const place = document.getElementById("trouble");
  place.textContent = message ?? "";
  place.hidden = !message;
}
