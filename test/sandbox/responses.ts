import type { Json } from "./json";

export interface HttpResponse {
  status: number;
  headers: Record<string, string>;
  /** JSON is written by the server in its version's manner; a text goes out as it is. */
  body: { json: Json } | { text: string } | undefined;
}

/** An answer that ends the request at once. */
export class ApiError extends Error {
  constructor(readonly response: HttpResponse) {
    super(`refused with ${response.status}`);
  }
}

/** The server broke down while it answered. */
export class ServerCrash extends Error {}

export function json(status: number, body: Json): HttpResponse {
  return { status, headers: {}, body: { json: body } };
}

export function html(status: number, text: string): HttpResponse {
  return { status, headers: { "content-type": "text/html; charset=utf-8" }, body: { text } };
}

export function noContent(): HttpResponse {
  return { status: 204, headers: {}, body: undefined };
}

export function apiError(status: number, body: Json): ApiError {
  return new ApiError(json(status, body));
}

export function permissionDenied(): ApiError {
  return apiError(403, { detail: "You do not have permission to perform this action." });
}

/** What no recording and no schema tells: the stand-in does not guess. */
export function notRecorded(what: string): ApiError {
  return apiError(501, {
    detail: `The embedded authentik is a stand-in: ${what} was not seen on a real server, so it does not answer it.`,
  });
}

/** A write to an address that does not exist, and a write after which the server broke down, look the same (slash.put, fixed_data.nul). */
export function methodNotAllowedPage(): HttpResponse {
  return {
    status: 405,
    headers: { "content-type": "text/html; charset=utf-8", allow: "GET, HEAD, OPTIONS" },
    body: undefined,
  };
}

/** An address that does not exist (path.unknown). */
export function notFoundPage(): HttpResponse {
  return html(404, htmlPage("Not Found"));
}

/** The server broke down while it read (fixed_data.int-huge.retrieve). */
export function serverErrorPage(): HttpResponse {
  return html(500, htmlPage("Internal Server Error"));
}

export function htmlPage(title: string): string {
  return `\n<!DOCTYPE html>\n<html lang="en"><head><meta charset="UTF-8"><title>${title}</title></head><body><h1>${title}</h1><p>The embedded authentik, a stand-in for tests.</p></body></html>\n`;
}
