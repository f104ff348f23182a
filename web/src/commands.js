import { el } from "./dom.js";

// commands gives each command line a button that copies it.
export function commands() {
  for (const code of document.querySelectorAll("code.cmd")) {
    const button = el("button", { type: "button", class: "copy", "aria-label": `Copy: ${code.textContent}` }, "Copy");
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code); // no clipboard here: ready for the keys
        button.textContent = "Selected";
      }
      setTimeout(() => (button.textContent = "Copy"), 2000);
    });
    code.after(button);
  }
}
