// A text field with line numbers, colours, and a mark where something is wrong.
//
// The field itself stays a plain `textarea`, so that every keyboard, screen reader and spelling of
// undo works as ever. The colours lie behind it, and its own letters are transparent.

import { lengthOfMark, lineAndColumn } from "./position.js";
import { paint } from "./highlight.js";

export class Editor {
  #field;
  #paint;
  #gutter;
  #note;
  #message;
  #language;
  #mark = null;
  #lines = 0;
  #wrong = 0;

  constructor(root, language, changed) {
    this.#field = root.querySelector("textarea");
    this.#paint = root.querySelector(".paint");
    this.#gutter = root.querySelector(".gutter pre");
    this.#note = root.querySelector(".note");
    this.#message = root.querySelector(".note span");
    this.#language = language;
    this.#field.addEventListener("input", () => {
      // The old mark is about a text that is no more.
      this.#mark = null;
      this.#draw();
      changed();
    });
    this.#field.addEventListener("scroll", () => this.#follow(), { passive: true });
    root.querySelector(".note button").addEventListener("click", () => this.goToMark());
    this.#draw();
  }

  /** Half of a surrogate pair has no UTF-8; it becomes the replacement character, of one unit too. */
  get text() {
    const text = this.#field.value;
    return text.toWellFormed?.() ?? text;
  }

  set text(text) {
    this.#field.value = text;
    this.#field.scrollTo(0, 0);
    this.clear();
  }

  focus() {
    this.#field.focus();
  }

  /** Shows what is wrong, at an index if that is known, and gives the sentence that says so. */
  complain(message, index) {
    let sentence = message;
    if (index === undefined) {
      this.#mark = null;
    } else {
      const { line, column } = lineAndColumn(this.text, index);
      this.#mark = { start: index, end: index + lengthOfMark(this.text, index), line };
      sentence = `line ${line}, column ${column}: ${message}`;
    }
    this.#message.textContent = sentence;
    this.#note.hidden = false;
    this.#note.querySelector("button").hidden = index === undefined;
    this.#field.setAttribute("aria-invalid", "true");
    this.#draw();
    return sentence;
  }

  clear() {
    this.#mark = null;
    this.#note.hidden = true;
    this.#message.textContent = "";
    this.#field.removeAttribute("aria-invalid");
    this.#draw();
  }

  get isWrong() {
    return !this.#note.hidden;
  }

  /** Puts the cursor where the mark is, and the mark where it can be seen. */
  goToMark() {
    this.#field.focus();
    if (!this.#mark) return;
    this.#field.setSelectionRange(this.#mark.start, this.#mark.end);
    const style = getComputedStyle(this.#field);
    const lineHeight = parseFloat(style.lineHeight);
    const top = (this.#mark.line - 1) * lineHeight;
    this.#field.scrollTop = Math.max(0, top - this.#field.clientHeight / 2);
    const mark = this.#paint.querySelector("mark");
    if (mark) {
      const left = mark.offsetLeft + mark.offsetWidth;
      const hidden = left > this.#field.scrollLeft + this.#field.clientWidth - 16;
      if (hidden || mark.offsetLeft < this.#field.scrollLeft) {
        this.#field.scrollLeft = Math.max(0, mark.offsetLeft - this.#field.clientWidth / 2);
      }
    }
    this.#follow();
  }

  #draw() {
    // A last line that is empty takes no room in a block, and does in a field.
    this.#paint.replaceChildren(paint(this.text, this.#language, this.#mark), "\n");
    this.#number();
    this.#follow();
  }

  #number() {
    const lines = this.text.split("\n").length;
    const wrong = this.#mark?.line ?? 0;
    if (lines === this.#lines && wrong === this.#wrong) return;
    this.#lines = lines;
    this.#wrong = wrong;
    const numbers = (from, to) =>
      Array.from({ length: Math.max(0, to - from) }, (_, index) => `${from + index}\n`).join("");
    if (wrong === 0) {
      this.#gutter.replaceChildren(numbers(1, lines + 1));
    } else {
      const number = document.createElement("span");
      number.className = "wrong";
      number.textContent = wrong;
      this.#gutter.replaceChildren(numbers(1, wrong), number, "\n", numbers(wrong + 1, lines + 1));
    }
  }

  #follow() {
    const { scrollLeft, scrollTop } = this.#field;
    this.#paint.style.transform = `translate(${-scrollLeft}px, ${-scrollTop}px)`;
    this.#gutter.style.transform = `translateY(${-scrollTop}px)`;
  }
}
