import type { Json, JsonObject } from "./json";
import type { ApiRequest } from "./request";
import { type ApiError, apiError, type HttpResponse, json, notRecorded } from "./responses";

export type Comparator<Row> = (a: Row, b: Row) => number;
/** Turns the value of a query parameter into a predicate, or returns its validation errors. */
export type Filter<Row> = (value: string) => ((row: Row) => boolean) | { errors: string[] };

export function notFound(request: ApiRequest, label: string): ApiError {
  // invitations.retrieve.unknown
  return apiError(404, {
    detail: request.behavior.namesModelInNotFound ? `No ${label} matches the given query.` : "Not found.",
  });
}

/** Returns the rows that match all filters of the query. Unknown parameters are ignored (list.unknown-filter). */
export function filterRows<Row>(request: ApiRequest, rows: Iterable<Row>, filters: Record<string, Filter<Row>>): Row[] {
  const errors: JsonObject = {};
  const predicates: ((row: Row) => boolean)[] = [];
  for (const [name, toPredicate] of Object.entries(filters)) {
    const value = request.parameter(name);
    // list.name.empty
    if (value === undefined || value === "") continue;
    // list.name.nul
    const predicate = value.includes("\u0000") ? { errors: ["Null characters are not allowed."] } : toPredicate(value);
    if ("errors" in predicate) errors[name] = predicate.errors;
    else predicates.push(predicate);
  }
  if (Object.keys(errors).length > 0) throw apiError(400, errors);
  return Array.from(rows).filter((row) => predicates.every((matches) => matches(row)));
}

/** Filters that the API schema documents, but that no recording uses. */
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

/** The search terms, each of which must occur in one of a row's fields (list.search.two-words). */
export function searchTerms(request: ApiRequest): string[] {
  let text = request.parameter("search") ?? "";
  if (text.includes("\u0000")) {
    if (request.behavior.rejectsNulInSearch) throw apiError(400, ["Null characters are not allowed."]);
    text = text.replaceAll("\u0000", "");
  }
  if (/["',]/.test(text)) throw notRecorded("a search with quotes or commas");
  return text.split(/\s+/).filter((term) => term !== "");
}

export function searchRows<Row>(
  request: ApiRequest,
  rows: Row[],
  searchFields: (row: Row) => readonly string[],
): Row[] {
  const terms = searchTerms(request).map((term) => term.toLowerCase());
  if (terms.length === 0) return rows;
  return rows.filter((row) => {
    const values = searchFields(row).map((value) => value.toLowerCase());
    return terms.every((term) => values.some((value) => value.includes(term)));
  });
}

/** The recorded orderings that are ignored (list.ordering.bogus). Others might be fields of the model. */
const ignoredOrderings = new Set(["", "bogus", "invite_uuid"]);

/**
 * On a real server the order of tied rows differs from page to page, so paging
 * loses some rows and repeats others (1,000 rows gave 764). To reproduce this, tied rows are reversed after the first page.
 */
export function orderRows<Row>(
  request: ApiRequest,
  rows: Row[],
  comparators: Record<string, Comparator<Row>>,
  defaultOrdering: string,
): Row[] {
  const requested = (request.parameter("ordering") ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => !ignoredOrderings.has(name));
  const names = requested.length > 0 ? requested : defaultOrdering.split(",");
  const compareBy = names.map((name): Comparator<Row> => {
    const field = name.replace(/^-/, "");
    const ascending = Object.hasOwn(comparators, field) ? comparators[field] : undefined;
    if (!ascending) throw notRecorded(`the ordering ${name}`);
    return name.startsWith("-") ? (a, b) => ascending(b, a) : ascending;
  });
  const page = request.parameter("page") ?? "1";
  if (page !== "1" && page !== "") rows.reverse();
  return rows.sort((a, b) => {
    for (const compare of compareBy) {
      const result = compare(a, b);
      if (result !== 0) return result;
    }
    return 0;
  });
}

/** Compares strings as the database does: by bytes, uppercase first (stages.list.ordering.bogus). */
export function byString<Row>(getString: (row: Row) => string): Comparator<Row> {
  return (a, b) => {
    const [left, right] = [getString(a), getString(b)];
    if (left === right) return 0;
    return left < right ? -1 : 1;
  };
}

/** Returns one page of rows. Only these are serialized, so an unreadable row crashes only its own page. */
export function paginate<Row>(request: ApiRequest, rows: readonly Row[], serialize: (row: Row) => Json): HttpResponse {
  const { behavior } = request;
  const requested = request.parameter("page_size") ?? "";
  // list.page_size-0, -minus, -text, -1.5: an invalid size is ignored.
  const isValid = /^\d+$/.test(requested) && Number(requested) > 0;
  const size = Math.min(isValid ? Number(requested) : behavior.defaultPageSize, behavior.maxPageSize);
  const totalPages = Math.max(1, Math.ceil(rows.length / size));
  const page = parsePageNumber(request, totalPages);
  const start = (page - 1) * size;
  const pageRows = rows.slice(start, start + size);
  return json(200, {
    pagination: {
      next: page < totalPages ? page + 1 : 0,
      previous: page - 1,
      count: rows.length,
      current: page,
      total_pages: totalPages,
      start_index: rows.length === 0 ? 0 : start + 1,
      end_index: start + pageRows.length,
    },
    results: pageRows.map(serialize),
    ...(behavior.hasAutocomplete ? { autocomplete: {} } : {}),
  });
}

function parsePageNumber(request: ApiRequest, totalPages: number): number {
  const requested = request.parameter("page");
  if (requested === undefined || (requested === "" && request.behavior.treatsEmptyPageAsFirst)) return 1;
  if (requested === "last") return totalPages;
  const page = /^\d+$/.test(requested) ? Number(requested) : 0;
  if (page < 1 || page > totalPages) throw apiError(404, { detail: "Invalid page." });
  return page;
}
