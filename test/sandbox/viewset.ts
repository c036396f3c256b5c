import { type Answer, denied, json, noContent, Refusal, refuse, unseen } from "./responses";
import type { Call } from "./call";
import { readUuid } from "./fields";
import type { Instance } from "./instance";
import type { Json, JsonObject } from "./json";
import { missing } from "./lists";
import { may, type User } from "./users";

const onList = "GET, POST, HEAD, OPTIONS";
const onOne = "GET, PUT, PATCH, DELETE, HEAD, OPTIONS";
const onUsedBy = "GET, HEAD, OPTIONS";

/** The way of a request to one kind of object: who may do what, in which order it is looked at, and which methods there are. */
export abstract class ViewSet<Row> {
  /** As permissions are called: `authentik_stages_invitation` and `invitation`. */
  protected abstract readonly app: string;
  protected abstract readonly model: string;
  /** As a 404 calls it. */
  protected abstract readonly label: string;
  protected readonly allowOnList: string = onList;
  protected readonly allowOnOne: string = onOne;

  constructor(protected readonly instance: Instance) {}

  protected abstract list(call: Call): Answer;
  protected abstract create(call: Call, user: User): Answer;
  protected abstract update(call: Call, row: Row, partial: boolean): Answer;
  protected abstract remove(call: Call, row: Row): void;
  protected abstract show(row: Row): Json;
  protected abstract usedBy(row: Row): Json;
  protected abstract find(pk: string): Row | undefined;

  /** OPTIONS; `method` is the one whose fields are described. */
  protected options(_call: Call, _method: "POST" | "PUT"): Answer {
    throw unseen(`OPTIONS on ${this.model}`);
  }

  /** By UUID; what is none is not found, in the same words on both versions (retrieve.malformed). */
  protected lookUp(call: Call, key: string): Row {
    const pk = readUuid(key);
    if (pk === undefined) throw refuse(404, { detail: "Not found." });
    const row = this.find(pk);
    if (row === undefined) throw missing(call, this.label);
    return row;
  }

  answerList(call: Call): Answer {
    return allowing(this.allowOnList, () => {
      this.enter(call);
      if (!call.user) throw refuse(403, { detail: "Authentication credentials were not provided." });
      switch (call.method) {
        case "GET":
        case "HEAD":
          this.demand(call.user, "view");
          return this.list(call);
        case "POST":
          if (!this.allowOnList.includes("POST")) break;
          this.demand(call.user, "add");
          return this.create(call, call.user);
        case "OPTIONS":
          this.demandAdmin(call.user);
          return this.options(call, "POST");
      }
      throw notAllowed(call);
    });
  }

  answerOne(call: Call, key: string): Answer {
    return allowing(this.allowOnOne, () => {
      this.enter(call);
      if (!call.user) throw denied();
      if (!this.allowOnOne.split(", ").includes(call.method)) throw notAllowed(call);
      this.demand(call.user, "view");
      // Found first, allowed second: auth.viewer.delete.unknown is 404 to a user who may not delete.
      const row = this.lookUp(call, key);
      switch (call.method) {
        case "PUT":
        case "PATCH":
          this.demand(call.user, "change");
          return this.update(call, row, call.method === "PATCH");
        case "DELETE":
          this.demand(call.user, "delete");
          this.remove(call, row);
          return noContent();
        case "OPTIONS":
          this.demandAdmin(call.user);
          return this.options(call, "PUT");
        default:
          return json(200, this.show(row));
      }
    });
  }

  answerUsedBy(call: Call, key: string): Answer {
    return allowing(onUsedBy, () => {
      this.enter(call);
      if (!call.user) throw denied();
      if (call.method !== "GET" && call.method !== "HEAD") throw notAllowed(call);
      this.demand(call.user, "view");
      return json(200, this.usedBy(this.lookUp(call, key)));
    });
  }

  private enter(call: Call): void {
    if (!call.acceptsJson()) throw refuse(406, { detail: "Could not satisfy the request Accept header." });
    call.user = this.instance.users.authenticate(call);
  }

  private demand(user: User, action: "view" | "add" | "change" | "delete"): void {
    if (!may(user, `${this.app}.${action}_${this.model}`)) throw denied();
  }

  private demandAdmin(user: User): void {
    if (!user.superuser) throw unseen("OPTIONS of a user who is no admin");
  }
}

/** Gives every JSON answer, a refusal too, its Allow header. */
export function allowing(allow: string, answer: () => Answer): Answer {
  const given = settle(answer);
  return { ...given, headers: { allow, ...given.headers } };
}

function settle(answer: () => Answer): Answer {
  try {
    return answer();
  } catch (error) {
    if (error instanceof Refusal) return error.answer;
    throw error;
  }
}

function notAllowed(call: Call): Error {
  return refuse(405, { detail: `Method "${call.method}" not allowed.` });
}

/** An entry of `used_by`. */
export function use(app: string, model: string, pk: string, name: string, action: string): JsonObject {
  return { app, model_name: model, pk, name, action };
}
