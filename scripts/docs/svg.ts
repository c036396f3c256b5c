import { type Line, plainText, type Span, sliceLine } from "./terminal";

const fontSize = 14;
const characterWidth = 8.4;
const lineHeight = 20;
const margin = 20;
const titleBar = 38;

/** The 16 colors of a terminal: black, red, green, yellow, blue, magenta, cyan, white, then their bright variants. */
const palette = [
  ["#484f58", "#ff7b72", "#3fb950", "#d29922", "#58a6ff", "#bc8cff", "#39c5cf", "#b1bac4"],
  ["#8b949e", "#ffa198", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#f0f6fc"],
].flat();

export interface Picture {
  readonly title: string;
  readonly description: string;
  /** Width of the window in characters. */
  readonly columns: number;
}

/**
 * Draws lines in a terminal window. The SVG is self-contained, because GitHub blocks scripts, links and external fonts in images. Each line has a
 * fixed length, so that columns align in any monospaced font.
 */
export function drawWindow(lines: readonly Line[], { title, description, columns }: Picture): string {
  const width = Math.round(columns * characterWidth) + 2 * margin;
  const height = titleBar + lines.length * lineHeight + margin;
  const buttons = ["#ff5f57", "#febc2e", "#28c840"].map(
    (color, index) => `<circle cx="${margin + 4 + index * 20}" cy="20" r="6" fill="${color}"/>`,
  );
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title description">`,
    `<title id="title">${escapeXml(title)}</title>`,
    `<desc id="description">${escapeXml(description)}</desc>`,
    `<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8" fill="#0d1117" stroke="#30363d"/>`,
    ...buttons,
    `<g fill="#e6edf3" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace" font-size="${fontSize}">`,
    ...lines.flatMap((line, index) => drawLine(line, titleBar + index * lineHeight + fontSize)),
    "</g>",
    "</svg>",
  ].join("\n")}\n`;
}

/** Draws indentation as an offset, because not every renderer keeps spaces at the start of a line. */
function drawLine(line: Line, y: number): string[] {
  const text = plainText(line).trimEnd();
  const indent = text.length - text.trimStart().length;
  if (text === "") return [];
  const x = (margin + indent * characterWidth).toFixed(1);
  const length = ((text.length - indent) * characterWidth).toFixed(1);
  const spans = sliceLine(line, indent, text.length).map(drawSpan).join("");
  return [`<text x="${x}" y="${y}" textLength="${length}" xml:space="preserve">${spans}</text>`];
}

function drawSpan({ text, color, isBold }: Span): string {
  const fill = color === undefined ? "" : ` fill="${paletteColor(color)}"`;
  const weight = isBold ? ' font-weight="bold"' : "";
  return fill + weight === "" ? escapeXml(text) : `<tspan${fill}${weight}>${escapeXml(text)}</tspan>`;
}

function paletteColor(color: number): string {
  const hex = palette[color];
  if (hex === undefined) throw new Error(`Color ${color} is not supported, only 0 to ${palette.length - 1}.`);
  return hex;
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
