import type { ObjectReference } from "./events";
import { parseUuid } from "./fields";
import type { Instance } from "./instance";
import type { Json } from "./json";
import { notFound } from "./lists";
import type { ApiRequest } from "./request";
import { ApiError, apiError, type HttpResponse, json, noContent, notRecorded, permissionDenied } from "./responses";
import { hasPermission, type User } from "./users";

const listMethods = "GET, POST, HEAD, OPTIONS";
const detailMethods = "GET, PUT, PATCH, DELETE, HEAD, OPTIONS";
const actionMethods = "POST, OPTIONS";

/**
 * The endpoints of one model, like a viewset of Django REST framework. Content negotiation, authentication, the allowed methods,
 * permissions and the lookup are checked in the order that the recordings show.
 */
export abstract class ViewSet<Row extends { pk: string; name?: string }> {
  /** The parts of permission names, for example `authentik_stages_invitation` and `invitation`. */
  protected abstract readonly app: string;
  protected abstract readonly model: string;
  /** The model's name in 404 responses. */
  protected abstract readonly label: string;
  protected readonly rows = new Map<string, Row>();
  protected readonly allowedOnList: string = listMethods;
  protected readonly allowedOnDetail: string = detailMethods;

  constructor(protected readonly instance: Instance) {}

  protected abstract list(request: ApiRequest): HttpResponse;
  protected abstract create(request: ApiRequest, user: User): HttpResponse;
  protected abstract update(request: ApiRequest, row: Row, partial: boolean): HttpResponse;
  protected abstract destroy(request: ApiRequest, row: Row): void;
  protected abstract serialize(row: Row): Json;

  find(pk: string): Row | undefined {
    return this.rows.get(pk);
  }

  all(): Row[] {
    return [...this.rows.values()];
  }

  toReference({ pk, name = "" }: Row): ObjectReference {
    return { app: this.app, model: this.model, pk, name };
  }

  /** Looks up an object by UUID. A malformed UUID is a 404 with the same detail on all versions (retrieve.malformed). */
  protected getObject(request: ApiRequest, key: string): Row {
    const pk = parseUuid(key);
    if (pk === undefined) throw apiError(404, { detail: "Not found." });
    const row = this.find(pk);
    if (row === undefined) throw notFound(request, this.label);
    return row;
  }

  dispatchList(request: ApiRequest): HttpResponse {
    return withAllowHeader(this.allowedOnList, () => {
      this.instance.users.initialize(request);
      if (!request.user) throw apiError(403, { detail: "Authentication credentials were not provided." });
      switch (request.method) {
        case "GET":
        case "HEAD":
          this.requirePermission(request.user, "view");
          return this.list(request);
        case "POST":
          if (!this.allowedOnList.includes("POST")) break;
          this.requirePermission(request.user, "add");
          return this.create(request, request.user);
      }
      throw methodNotAllowed(request);
    });
  }

  dispatchDetail(request: ApiRequest, key: string): HttpResponse {
    return withAllowHeader(this.allowedOnDetail, () => {
      this.instance.users.initialize(request);
      if (!request.user) throw permissionDenied();
      if (!this.allowedOnDetail.split(", ").includes(request.method)) throw methodNotAllowed(request);
      this.requirePermission(request.user, "view");
      // Lookup precedes the permission check: auth.viewer.delete.unknown is a 404 for a user without delete permission.
      const row = this.getObject(request, key);
      switch (request.method) {
        case "PUT":
        case "PATCH":
          this.requirePermission(request.user, "change");
          return this.update(request, row, request.method === "PATCH");
        case "DELETE":
          this.requirePermission(request.user, "delete");
          this.destroy(request, row);
          return noContent();
        case "OPTIONS":
          throw methodNotAllowed(request);
        default:
          return json(200, this.serialize(row));
      }
    });
  }

  /** A POST on `/{pk}/{action}/`. Needs permission to view and to add (email.send.as-reader). */
  protected dispatchAction(request: ApiRequest, key: string, handler: (row: Row) => HttpResponse): HttpResponse {
    return withAllowHeader(actionMethods, () => {
      this.instance.users.initialize(request);
      if (!request.user) throw permissionDenied();
      if (request.method !== "POST") throw methodNotAllowed(request);
      this.requirePermission(request.user, "view");
      // As for deletion, lookup precedes the second permission: email.send.unknown-as-reader is a 404.
      const row = this.getObject(request, key);
      this.requirePermission(request.user, "add");
      return handler(row);
    });
  }

  private requirePermission(user: User, action: "view" | "add" | "change" | "delete"): void {
    if (!hasPermission(user, `${this.app}.${action}_${this.model}`)) throw permissionDenied();
  }
}

/** Adds the Allow header to the handler's response, including API errors. */
export function withAllowHeader(allow: string, handler: () => HttpResponse): HttpResponse {
  const response = catchApiError(handler);
  return { ...response, headers: { allow, ...response.headers } };
}

function catchApiError(handler: () => HttpResponse): HttpResponse {
  try {
    return handler();
  } catch (error) {
    if (error instanceof ApiError) return error.response;
    throw error;
  }
}

function methodNotAllowed(request: ApiRequest): ApiError {
  if (request.method === "OPTIONS") return notRecorded("OPTIONS");
  return apiError(405, { detail: `Method "${request.method}" not allowed.` });
}
