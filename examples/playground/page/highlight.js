// Colours for JSON and jq: tokens found by one expression each, put into the page as elements and
// never as markup. It judges nothing: what is wrong is the component's to say.

const JSON_TOKENS =
  /(?<key>"(?:[^"\\\n]|\\.)*"(?=\s*:))|(?<string>"(?:[^"\\\n]|\\.)*"?)|(?<number>-?\d[\d.eE+-]*)|(?<word>\b(?:true|false|null)\b)|(?<mark>[{}[\],:]+)/g;

const JQ_TOKENS =
  /(?<comment>#[^\n]*)|(?<string>@?"(?:[^"\\]|\\[^])*"?)|(?<path>\.\.|\.[A-Za-z_][A-Za-z0-9_]*)|(?<variable>\$[A-Za-z_][A-Za-z0-9_]*)|(?<keyword>\b(?:def|if|then|elif|else|end|as|reduce|foreach|try|catch|label|and|or|import|include)\b)|(?<word>\b(?:true|false|null)\b)|(?<number>\d[\d.]*(?:[eE][+-]?\d+)?)|(?<name>[A-Za-z_][A-Za-z0-9_]*)|(?<mark>[|{}[\]();:,?/*+=<>%!-]+)/g;

/** Beyond this many characters a text stays plain: colours are not worth a page that stutters. */
const COLOURED_MAX = 40_000;

/**
 * A text as coloured nodes. `mark` is a range that is wrong: it gets an element of its own.
 * An empty range is shown as a gap of one character.
 */
export function paint(text, language, mark) {
  const fragment = document.createDocumentFragment();
  const pieces = text.length > COLOURED_MAX ? [[0, text.length, ""]] : tokens(text, language);
  for (const [start, end, kind] of pieces) append(fragment, text, start, end, kind, mark);
  if (mark && mark.start === mark.end) insertGap(fragment, mark.start);
  return fragment;
}

function* tokens(text, language) {
  const expression = language === "jq" ? JQ_TOKENS : JSON_TOKENS;
  let end = 0;
  for (const match of text.matchAll(expression)) {
    if (match.index > end) yield [end, match.index, ""];
    end = match.index + match[0].length;
    const [kind] = Object.entries(match.groups).find(([, value]) => value !== undefined);
    yield [match.index, end, kind];
  }
  if (end < text.length) yield [end, text.length, ""];
}

/** A token is cut where a mark begins or ends in it. */
function append(fragment, text, start, end, kind, mark) {
  const cuts = mark ? [mark.start, mark.end].filter((cut) => cut > start && cut < end) : [];
  let from = start;
  for (const to of [...cuts, end]) {
    if (to === from) continue;
    const isWrong = mark && from >= mark.start && to <= mark.end;
    fragment.append(piece(text.slice(from, to), kind, isWrong));
    from = to;
  }
}

function piece(text, kind, isWrong) {
  if (!kind && !isWrong) return document.createTextNode(text);
  const element = document.createElement(isWrong ? "mark" : "span");
  if (kind) element.className = `t-${kind}`;
  element.textContent = text;
  return element;
}

function insertGap(fragment, index) {
  const gap = document.createElement("mark");
  gap.className = "gap";
  let position = 0;
  for (const node of fragment.childNodes) {
    const length = node.textContent.length;
    if (position === index) return void node.before(gap);
    if (position + length > index) {
      // Only plain text is long enough to hold an index in its middle: a token was cut there.
      const text = node.textContent;
      node.before(text.slice(0, index - position), gap, text.slice(index - position));
      return void node.remove();
    }
    position += length;
  }
  fragment.append(gap);
}

/**
 * JSON with line breaks and indentation. Works on the text: numbers, strings and the order of keys
 * stay as they were sent.
 */
export function indent(json) {
  const out = [];
  let depth = 0;
  const pieces = json.matchAll(/"(?:[^"\\]|\\.)*"|[{[]\s*[}\]]|[{}[\],:\n]|[^\s"{}[\],:]+/g);
  for (const [token] of pieces) {
    if (token === "{" || token === "[") out.push(token, newLine(++depth));
    else if (token === "}" || token === "]") out.push(newLine(--depth), token);
    else if (token === ",") out.push(token, newLine(depth));
    else if (token === ":") out.push(": ");
    else if (token === "\n") out.push(depth === 0 ? "\n" : "");
    else out.push(token);
  }
  return out.join("");
}

function newLine(depth) {
  return "\n" + "  ".repeat(Math.max(depth, 0));
}
