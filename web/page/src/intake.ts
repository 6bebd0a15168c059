/** Files, drops and the clipboard -> bytes, text and pictures. */

import { find } from "./dom";

export interface Intake {
  file(file: Blob, name: string): void;
  text(text: string): void;
}

export function setUpIntake(intake: Intake): void {
  const input = find<HTMLInputElement>("file");
  find("file-pick").onclick = () => input.click();
  input.onchange = () => {
    const file = input.files?.[0];
    input.value = ""; // the same file may be chosen again
    if (file) intake.file(file, file.name);
  };
  setUpDrop(intake);
  setUpPaste(intake);
}

function setUpDrop(intake: Intake): void {
  const cover = find("drop");
  let depth = 0; // elements that the pointer has entered and not left
  const over = (change: number) => {
    depth = Math.max(0, depth + change);
    cover.hidden = depth === 0;
  };
  addEventListener("dragenter", (event) => {
    event.preventDefault();
    over(1);
  });
  addEventListener("dragleave", () => over(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    over(-depth);
    const file = event.dataTransfer?.files[0];
    const text = event.dataTransfer?.getData("text/plain");
    if (file) intake.file(file, file.name);
    else if (text) intake.text(text);
  });
}

function setUpPaste(intake: Intake): void {
  const dialog = find<HTMLDialogElement>("paste");
  const field = find<HTMLTextAreaElement>("paste-text");
  find("paste-open").onclick = () => {
    field.value = "";
    dialog.showModal();
    field.focus();
  };
  find("paste-read").onclick = () => {
    dialog.close();
    intake.text(field.value);
  };
  addEventListener("paste", (event) => {
    const file = event.clipboardData?.files[0];
    if (file) {
      dialog.close();
      return intake.file(file, file.name);
    }
    if (event.target instanceof HTMLTextAreaElement || event.target instanceof HTMLInputElement) return;
    const text = event.clipboardData?.getData("text/plain");
    if (text) intake.text(text);
  });
}
