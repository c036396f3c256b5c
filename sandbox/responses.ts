import type { Json } from "./json";

export interface HttpResponse {
  status: number;
  headers: Record<string, string>;
  /** JSON is sent with the content type of the server's version. A string is sent as is. */
  body: { json: Json } | { text: string } | undefined;
}

/** An error response. Throwing it ends the request, as an APIException of Django REST framework does. */
export class ApiError extends Error {
  constructor(readonly response: HttpResponse) {
    super(`HTTP status ${response.status}`);
  }
}

/** An unhandled exception inside the real server. */
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

/** 501, because neither a recording nor the API schema shows what a real server does. */
export function notRecorded(what: string): ApiError {
  return apiError(501, {
    detail: `The embedded authentik is a stand-in: ${what} was not recorded on a real server.`,
  });
}

/** The response to a write to an unknown URL. It is also the response to a write that crashed the server (slash.put, fixed_data.nul). */
export function methodNotAllowedPage(): HttpResponse {
  return {
    status: 405,
    headers: { "content-type": "text/html; charset=utf-8", allow: "GET, HEAD, OPTIONS" },
    body: undefined,
  };
}

/** The response to a read of an unknown URL (path.unknown). */
export function notFoundPage(): HttpResponse {
  return html(404, htmlPage("Not Found"));
}

/** The response to a read that crashed the server (fixed_data.int-huge.retrieve). */
export function serverErrorPage(): HttpResponse {
  return html(500, htmlPage("Internal Server Error"));
}

export function htmlPage(title: string): string {
  return `\n<!DOCTYPE html>\n<html lang="en"><head><meta charset="UTF-8"><title>${title}</title></head><body><h1>${title}</h1><p>The embedded authentik, a stand-in for tests.</p></body></html>\n`;
}
