// Makes the pages quicker to use; everything works without it.
"use strict";

const form = document.querySelector("[data-ask]");
if (form) {
  const input = form.querySelector("input[type=file]");
  const drop = form.querySelector("[data-drop]");
  const thumbs = form.querySelector("[data-thumbs]");
  const status = form.querySelector("[data-status]");
  const button = form.querySelector("button[type=submit]");

  const say = (text, kind = "") => {
    status.textContent = text;
    status.className = `status ${kind}`;
  };

  const preview = () => {
    thumbs.querySelectorAll("img").forEach((image) => URL.revokeObjectURL(image.src));
    thumbs.replaceChildren(...[...input.files].slice(0, 12).map((file) => {
      const item = document.createElement("li");
      const image = document.createElement("img");
      image.src = URL.createObjectURL(file);
      image.alt = file.name;
      item.append(image);
      return item;
    }));
    const count = input.files.length;
    say(count ? `${count} ${count === 1 ? "photo" : "photos"} chosen` : "");
  };

  const send = async () => {
    const response = await fetch("/v1/identify", { method: "POST", body: new FormData(form) });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.detail);
    location.assign(`/identifications/${answer.identification_id}`);
  };

  input.addEventListener("change", preview);
  ["dragenter", "dragover"].forEach((type) => drop.addEventListener(type, () => drop.classList.add("over")));
  ["dragleave", "drop"].forEach((type) => drop.addEventListener(type, () => drop.classList.remove("over")));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    say("Looking at the coat…", "working");
    try {
      await send();
    } catch (error) {
      say(error.message, "problem");
      button.disabled = false;
    }
  });
  window.addEventListener("pageshow", () => { button.disabled = false; });
}

const toggle = document.querySelector("[data-lines]");
if (toggle) {
  const flip = () => {
    const hidden = document.body.classList.toggle("no-lines");
    toggle.firstChild.textContent = hidden ? "Show lines " : "Hide lines ";
  };
  toggle.addEventListener("click", flip);
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea");
    if (event.key.toLowerCase() === "l" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) flip();
  });
}
