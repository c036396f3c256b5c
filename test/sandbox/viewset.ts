import { parseUuid } from "./fields";
import type { Instance } from "./instance";
import type { Json, JsonObject } from "./json";
import { notFound } from "./lists";
import type { ApiRequest } from "./request";
import { ApiError, apiError, type HttpResponse, json, noContent, notRecorded, permissionDenied } from "./responses";
import { hasPermission, type User } from "./users";

const listMethods = "GET, POST, HEAD, OPTIONS";
const detailMethods = "GET, PUT, PATCH, DELETE, HEAD, OPTIONS";
const usedByMethods = "GET, HEAD, OPTIONS";

/** The way of a request to one kind of object: who may do what, in which order it is looked at, and which methods there are. */
export abstract class ViewSet<Row> {
  /** As permissions are called: `authentik_stages_invitation` and `invitation`. */
  protected abstract readonly app: string;
  protected abstract readonly model: string;
  /** As a 404 calls it. */
  protected abstract readonly label: string;
  protected readonly allowedOnList: string = listMethods;
  protected readonly allowedOnDetail: string = detailMethods;

  constructor(protected readonly instance: Instance) {}

  protected abstract list(call: ApiRequest): HttpResponse;
  protected abstract create(call: ApiRequest, user: User): HttpResponse;
  protected abstract update(call: ApiRequest, row: Row, partial: boolean): HttpResponse;
  protected abstract destroy(call: ApiRequest, row: Row): void;
  protected abstract serialize(row: Row): Json;
  protected abstract usedBy(row: Row): Json;
  protected abstract find(pk: string): Row | undefined;

  /** OPTIONS; `method` is the one whose fields are described. */
  protected options(_call: ApiRequest, _method: "POST" | "PUT"): HttpResponse {
    throw notRecorded(`OPTIONS on ${this.model}`);
  }

  /** By UUID; what is none is not found, in the same words on both versions (retrieve.malformed). */
  protected getObject(call: ApiRequest, key: string): Row {
    const pk = parseUuid(key);
    if (pk === undefined) throw apiError(404, { detail: "Not found." });
    const row = this.find(pk);
    if (row === undefined) throw notFound(call, this.label);
    return row;
  }

  dispatchList(call: ApiRequest): HttpResponse {
    return withAllowHeader(this.allowedOnList, () => {
      this.initialize(call);
      if (!call.user) throw apiError(403, { detail: "Authentication credentials were not provided." });
      switch (call.method) {
        case "GET":
        case "HEAD":
          this.requirePermission(call.user, "view");
          return this.list(call);
        case "POST":
          if (!this.allowedOnList.includes("POST")) break;
          this.requirePermission(call.user, "add");
          return this.create(call, call.user);
        case "OPTIONS":
          this.requireAdmin(call.user);
          return this.options(call, "POST");
      }
      throw methodNotAllowed(call);
    });
  }

  dispatchDetail(call: ApiRequest, key: string): HttpResponse {
    return withAllowHeader(this.allowedOnDetail, () => {
      this.initialize(call);
      if (!call.user) throw permissionDenied();
      if (!this.allowedOnDetail.split(", ").includes(call.method)) throw methodNotAllowed(call);
      this.requirePermission(call.user, "view");
      // Found first, allowed second: auth.viewer.delete.unknown is 404 to a user who may not delete.
      const row = this.getObject(call, key);
      switch (call.method) {
        case "PUT":
        case "PATCH":
          this.requirePermission(call.user, "change");
          return this.update(call, row, call.method === "PATCH");
        case "DELETE":
          this.requirePermission(call.user, "delete");
          this.destroy(call, row);
          return noContent();
        case "OPTIONS":
          this.requireAdmin(call.user);
          return this.options(call, "PUT");
        default:
          return json(200, this.serialize(row));
      }
    });
  }

  dispatchUsedBy(call: ApiRequest, key: string): HttpResponse {
    return withAllowHeader(usedByMethods, () => {
      this.initialize(call);
      if (!call.user) throw permissionDenied();
      if (call.method !== "GET" && call.method !== "HEAD") throw methodNotAllowed(call);
      this.requirePermission(call.user, "view");
      return json(200, this.usedBy(this.getObject(call, key)));
    });
  }

  private initialize(call: ApiRequest): void {
    if (!call.acceptsJson()) throw apiError(406, { detail: "Could not satisfy the request Accept header." });
    call.user = this.instance.users.authenticate(call);
  }

  private requirePermission(user: User, action: "view" | "add" | "change" | "delete"): void {
    if (!hasPermission(user, `${this.app}.${action}_${this.model}`)) throw permissionDenied();
  }

  private requireAdmin(user: User): void {
    if (!user.isSuperuser) throw notRecorded("OPTIONS of a user who is no admin");
  }
}

/** Gives every JSON answer, a refusal too, its Allow header. */
export function withAllowHeader(allow: string, answer: () => HttpResponse): HttpResponse {
  const given = catchApiError(answer);
  return { ...given, headers: { allow, ...given.headers } };
}

function catchApiError(answer: () => HttpResponse): HttpResponse {
  try {
    return answer();
  } catch (error) {
    if (error instanceof ApiError) return error.response;
    throw error;
  }
}

function methodNotAllowed(call: ApiRequest): Error {
  return apiError(405, { detail: `Method "${call.method}" not allowed.` });
}

/** An entry of `used_by`. */
export function usedByEntry(app: string, model: string, pk: string, name: string, action: string): JsonObject {
  return { app, model_name: model, pk, name, action };
}
