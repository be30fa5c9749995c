// Comfort only: every page works without it.
"use strict";

// A button shows up beside each text that is there to be copied, and says when it has been.
for (const button of document.querySelectorAll("button[data-copies]")) {
  const source = document.getElementById(button.dataset.copies);
  const said = document.getElementById(button.dataset.says);
  button.hidden = false;
  button.addEventListener("click", async () => {
    source.select();
    try {
      await navigator.clipboard.writeText(source.value);
    } catch {
      document.execCommand("copy"); // without TLS a browser has no other clipboard
    }
    said.textContent = button.dataset.done;
  });
}
