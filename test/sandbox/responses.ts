import type { Json } from "./json";

export interface Answer {
  status: number;
  headers: Record<string, string>;
  /** JSON is written by the server in its version's manner; a text goes out as it is. */
  body: { json: Json } | { text: string } | undefined;
}

/** An answer that ends the request at once. */
export class Refusal extends Error {
  constructor(readonly answer: Answer) {
    super(`refused with ${answer.status}`);
  }
}

/** The server broke down while it answered. */
export class Crash extends Error {}

export function json(status: number, body: Json): Answer {
  return { status, headers: {}, body: { json: body } };
}

export function html(status: number, text: string): Answer {
  return { status, headers: { "content-type": "text/html; charset=utf-8" }, body: { text } };
}

export function noContent(): Answer {
  return { status: 204, headers: {}, body: undefined };
}

export function refuse(status: number, body: Json): Refusal {
  return new Refusal(json(status, body));
}

export function denied(): Refusal {
  return refuse(403, { detail: "You do not have permission to perform this action." });
}

/** What no recording and no schema tells: the stand-in does not guess. */
export function unseen(what: string): Refusal {
  return refuse(501, {
    detail: `The embedded authentik is a stand-in: ${what} was not seen on a real server, so it does not answer it.`,
  });
}

/** A write to an address that does not exist, and a write after which the server broke down, look the same (slash.put, fixed_data.nul). */
export function writeLost(): Answer {
  return {
    status: 405,
    headers: { "content-type": "text/html; charset=utf-8", allow: "GET, HEAD, OPTIONS" },
    body: undefined,
  };
}

/** An address that does not exist (path.unknown). */
export function noSuchPage(): Answer {
  return html(404, page("Not Found"));
}

/** The server broke down while it read (fixed_data.int-huge.retrieve). */
export function brokenPage(): Answer {
  return html(500, page("Internal Server Error"));
}

export function page(title: string): string {
  return `\n<!DOCTYPE html>\n<html lang="en"><head><meta charset="UTF-8"><title>${title}</title></head><body><h1>${title}</h1><p>The embedded authentik, a stand-in for tests.</p></body></html>\n`;
}
