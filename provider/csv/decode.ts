import { isAscii, isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";
import { CsvError } from "./error";

/** What people save under the name .csv, by its first bytes. */
const otherFormats: readonly (readonly [signature: string, format: string])[] = [
  ["PK\x03\x04", "a workbook or another ZIP archive (.xlsx, .ods, .numbers)"],
  ["PK\x05\x06", "an empty ZIP archive"],
  ["\xd0\xcf\x11\xe0", "a workbook (.xls), or one with a password (.xlsx)"],
  ["%PDF", "a PDF"],
  ["{\\rtf", "a document (.rtf)"],
  ["\x1f\x8b", "a compressed file (.gz)"],
];

const markup = /^\s*<(?:!doctype|html|head|body|table|meta|\?xml)\b/i;

const byteOrderMarks = [
  ["\xef\xbb\xbf", "utf-8"],
  ["\xff\xfe", "utf-16le"],
  ["\xfe\xff", "utf-16be"],
] as const;

/** The characters of the bytes 0x80 to 0x9f in windows-1252. */
const windows1252 = "€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ";

/** Encodings with one byte for each character, in which what people write is never valid UTF-8 by chance. */
const singleByteEncoding = /^(?:windows|iso|koi8|macintosh|x-mac|ibm)/;

/** The canonical name of an encoding, or `undefined` if `TextDecoder` does not know it. */
export function encodingOf(label: string): string | undefined {
  try {
    return new TextDecoder(label, { fatal: true }).encoding;
  } catch {
    return undefined;
  }
}

/** The characters of a file, without its byte order mark, which takes precedence over `encoding`. */
export function decodeFile(bytes: Uint8Array, file: string, encoding: string | undefined): string {
  const format = otherFormats.find(([signature]) => startsWith(bytes, signature))?.[1];
  if (format !== undefined) throw new CsvError(`${file}: is ${format}, not CSV. Export the table as CSV`);
  const mark = byteOrderMarks.find(([signature]) => startsWith(bytes, signature))?.[1];
  const declared = mark ?? (encoding === undefined ? undefined : encodingOf(encoding));
  const text = decode(bytes, file, declared);
  if (markup.test(text)) throw new CsvError(`${file}: is HTML or XML, not CSV. Export the table as CSV`);
  const lost = text.indexOf("\ufffd");
  if (lost >= 0) {
    throw new CsvError(
      `${file}:${countLines(text.slice(0, lost))}: contains U+FFFD, which replaces a character that an earlier conversion lost. Export the file again`,
    );
  }
  return text;
}

function startsWith(bytes: Uint8Array, signature: string): boolean {
  return Buffer.from(bytes.subarray(0, signature.length)).toString("latin1") === signature;
}

function decode(bytes: Uint8Array, file: string, declared: string | undefined): string {
  const zero = bytes.indexOf(0);
  if (declared === undefined && zero >= 0) {
    throw new CsvError(
      `${file}: contains NUL bytes, as UTF-16 does. If it is UTF-16, set encoding: "${zero % 2 === 0 ? "utf-16be" : "utf-16le"}"`,
    );
  }
  const encoding = declared ?? "utf-8";
  if (singleByteEncoding.test(encoding) && isUtf8(bytes) && !isAscii(bytes)) {
    const line = firstLine(bytes, (text) => !isAscii(text));
    throw new CsvError(`${file}:${line}: is UTF-8, not ${encoding}. Remove the option encoding`);
  }
  const text = decodeBytes(bytes, encoding);
  if (text === undefined) {
    const place = encoding.startsWith("utf-16")
      ? file
      : `${file}:${firstLine(bytes, (line) => decodeBytes(line, encoding) === undefined)}`;
    throw new CsvError(
      declared === undefined
        ? `${place}: is not UTF-8. Set encoding, for example encoding: "windows-1252" for a file that was exported from a spreadsheet on Windows in Western Europe or America`
        : `${place}: is not ${encoding}`,
    );
  }
  if (text.includes("\0")) {
    throw new CsvError(
      `${file}: contains NUL characters, so its encoding is not ${encoding}. Check the option encoding`,
    );
  }
  return text;
}

function decodeBytes(bytes: Uint8Array, encoding: string): string | undefined {
  if (encoding === "windows-1252") {
    // Many versions of Node.js decode the bytes 0x80 to 0x9f as Latin-1: https://github.com/nodejs/node/issues/60888
    return Buffer.from(bytes)
      .toString("latin1")
      .replaceAll(/[\x80-\x9f]/g, (character) => windows1252.charAt(character.charCodeAt(0) - 0x80));
  }
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** The number of the first line whose bytes match. */
function firstLine(bytes: Uint8Array, matches: (line: Uint8Array) => boolean): number {
  // Line breaks are the same bytes in all encodings but UTF-16.
  const lines = Buffer.from(bytes).toString("latin1").split(lineBreak);
  return lines.findIndex((line) => matches(Buffer.from(line, "latin1"))) + 1;
}

const lineBreak = /\r\n|\n|\r/;

/** The number of lines in a text, which is also the number of its last line. */
export function countLines(text: string): number {
  return text.split(lineBreak).length;
}

export function readCsvFile(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new CsvError(`Cannot read ${file}: ${(error as NodeJS.ErrnoException).message}`);
  }
}
