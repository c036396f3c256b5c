import type { Json, JsonObject } from "./json";
import type { ApiRequest } from "./request";
import { type ApiError, apiError, type HttpResponse, json, notRecorded } from "./responses";

export type Comparator<Row> = (a: Row, b: Row) => number;
/** Makes a test of a parameter's text, or says what is wrong with it. */
export type Filter<Row> = (text: string) => ((row: Row) => boolean) | { errors: string[] };

export function notFound(call: ApiRequest, label: string): ApiError {
  // invitations.retrieve.unknown
  return apiError(404, {
    detail: call.behavior.namesModelInNotFound ? `No ${label} matches the given query.` : "Not found.",
  });
}

/** Keeps the rows that all filters of the query let through; unknown parameters are ignored (list.unknown-filter). */
export function filterRows<Row>(call: ApiRequest, rows: Iterable<Row>, filters: Record<string, Filter<Row>>): Row[] {
  const errors: JsonObject = {};
  const tests: ((row: Row) => boolean)[] = [];
  for (const [name, make] of Object.entries(filters)) {
    const text = call.parameter(name);
    // list.name.empty
    if (text === undefined || text === "") continue;
    // list.name.nul
    const test = text.includes("\u0000") ? { errors: ["Null characters are not allowed."] } : make(text);
    if ("errors" in test) errors[name] = test.errors;
    else tests.push(test);
  }
  if (Object.keys(errors).length > 0) throw apiError(400, errors);
  return Array.from(rows).filter((row) => tests.every((test) => test(row)));
}

/** For parameters that the schema names and no recording uses. */
export function unrecordedFilters<Row>(names: readonly string[]): Record<string, Filter<Row>> {
  return Object.fromEntries(
    names.map((name): [string, Filter<Row>] => [
      name,
      () => {
        throw notRecorded(`the filter ${name}`);
      },
    ]),
  );
}

/** The words of a search, each of which must be found somewhere in a row (list.search.two-words). */
export function searchTerms(call: ApiRequest): string[] {
  let text = call.parameter("search") ?? "";
  if (text.includes("\u0000")) {
    if (call.behavior.rejectsNulInSearch) throw apiError(400, ["Null characters are not allowed."]);
    text = text.replaceAll("\u0000", "");
  }
  if (/["',]/.test(text)) throw notRecorded("a search with quotes or commas");
  return text.split(/\s+/).filter((word) => word !== "");
}

export function searchRows<Row>(call: ApiRequest, rows: Row[], texts: (row: Row) => readonly string[]): Row[] {
  const words = searchTerms(call).map((word) => word.toLowerCase());
  if (words.length === 0) return rows;
  return rows.filter((row) => {
    const lower = texts(row).map((text) => text.toLowerCase());
    return words.every((word) => lower.some((text) => text.includes(word)));
  });
}

/**
 * Unknown orderings are ignored (list.ordering.bogus). Rows that the ordering does not tell apart come in any order, and another
 * on every page, which loses and repeats some (1,000 rows of the real server gave 764): here they turn round after the first page.
 */
export function orderRows<Row>(
  call: ApiRequest,
  rows: Row[],
  orders: Record<string, Comparator<Row>>,
  usual: string,
): Row[] {
  const asked = (call.parameter("ordering") ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => Object.hasOwn(orders, name.replace(/^-/, "")));
  const names = asked.length > 0 ? asked : usual.split(",");
  const compare = names.map((name): Comparator<Row> => {
    const up = orders[name.replace(/^-/, "")] as Comparator<Row>;
    return name.startsWith("-") ? (a, b) => up(b, a) : up;
  });
  const page = call.parameter("page") ?? "1";
  if (page !== "1" && page !== "") rows.reverse();
  return rows.sort((a, b) => {
    for (const one of compare) {
      const result = one(a, b);
      if (result !== 0) return result;
    }
    return 0;
  });
}

/** As the database compares text: by bytes, capital letters first (stages.list.ordering.bogus). */
export function byString<Row>(text: (row: Row) => string): Comparator<Row> {
  return (a, b) => {
    const [one, other] = [text(a), text(b)];
    if (one === other) return 0;
    return one < other ? -1 : 1;
  };
}

/** One page of rows. Each is shown only when it is on the page: a poisoned row breaks the pages that hold it, and no other. */
export function paginate<Row>(
  call: ApiRequest,
  rows: readonly Row[],
  show: (row: Row) => Json,
  autocomplete: JsonObject = {},
): HttpResponse {
  const { behavior: profile } = call;
  const asked = call.parameter("page_size") ?? "";
  // list.page_size-0, -minus, -text, -1.5: what is no size is ignored.
  const wanted = /^\d+$/.test(asked) && Number(asked) > 0 ? Number(asked) : profile.defaultPageSize;
  const size = Math.min(wanted, profile.maxPageSize);
  const pages = Math.max(1, Math.ceil(rows.length / size));
  const page = parsePageNumber(call, pages);
  const start = (page - 1) * size;
  const shown = rows.slice(start, start + size);
  return json(200, {
    pagination: {
      next: page < pages ? page + 1 : 0,
      previous: page - 1,
      count: rows.length,
      current: page,
      total_pages: pages,
      start_index: rows.length === 0 ? 0 : start + 1,
      end_index: start + shown.length,
    },
    results: shown.map(show),
    ...(profile.hasAutocomplete ? { autocomplete } : {}),
  });
}

function parsePageNumber(call: ApiRequest, pages: number): number {
  const asked = call.parameter("page");
  if (asked === undefined || (asked === "" && call.behavior.treatsEmptyPageAsFirst)) return 1;
  if (asked === "last") return pages;
  const page = /^\d+$/.test(asked) ? Number(asked) : 0;
  if (page < 1 || page > pages) throw apiError(404, { detail: "Invalid page." });
  return page;
}
