import { createHash, randomBytes } from "node:crypto";
import type { Instance } from "./instance";
import { formatInstant, type Instant } from "./instants";
import type { JsonObject } from "./json";
import { paginate } from "./lists";
import type { ApiRequest } from "./request";
import { apiError, type HttpResponse, json, notRecorded, permissionDenied } from "./responses";
import { recordSecret } from "./secrets";

export interface User {
  pk: number;
  uuid: string;
  username: string;
  name: string;
  email: string;
  isActive: boolean;
  isSuperuser: boolean;
  type: "internal" | "external" | "service_account";
  path: string;
  permissions: ReadonlySet<string>;
  groups: JsonObject[];
  roles: JsonObject[];
  attributes: JsonObject;
  uid: string;
  dateJoined: Instant;
  lastLogin: Instant | null;
  passwordChangeDate: Instant;
  lastUpdated: Instant;
}

interface Token {
  user: User;
  intent: "api" | "app_password";
  expires: Instant | null;
}

export class Users {
  private readonly byName = new Map<string, User>();
  private readonly tokens = new Map<string, Token>();
  /** akadmin has pk 3, after AnonymousUser and the embedded outpost's user (`me`). */
  private nextPk = 3;
  readonly admin: User;

  constructor(private readonly instance: Instance) {
    this.admin = this.add({
      username: "akadmin",
      name: "authentik Default Admin",
      email: instance.behavior.adminEmail,
      isSuperuser: true,
      groups: [{ name: "authentik Admins", pk: instance.uuid() }],
    });
  }

  add(user: Partial<User> & { username: string }): User {
    const added: User = {
      pk: this.nextPk,
      uuid: this.instance.uuid(),
      name: user.username,
      email: "",
      isActive: true,
      isSuperuser: false,
      type: "internal",
      path: "users",
      permissions: new Set(),
      groups: [],
      roles: [],
      attributes: {},
      uid: createHash("sha256")
        .update(`${this.nextPk}-${randomBytes(16).toString("hex")}`)
        .digest("hex"),
      dateJoined: this.instance.timestamp(),
      lastLogin: null,
      passwordChangeDate: this.instance.timestamp(),
      lastUpdated: this.instance.timestamp(),
      ...user,
    };
    this.nextPk += 1;
    this.byName.set(added.username, added);
    return added;
  }

  findByUsername(username: string): User | undefined {
    return this.byName.get(username);
  }

  /** Also removes the user's tokens and the invitations that it created (invitations.retrieve.after-creator-delete). */
  remove(user: User): void {
    this.byName.delete(user.username);
    for (const [key, token] of this.tokens) if (token.user === user) this.tokens.delete(key);
    this.instance.invitations.removeByCreator(user);
  }

  addToken(user: User, token: Partial<Token> & { key?: string } = {}): string {
    const key = token.key ?? randomBytes(30).toString("hex");
    recordSecret(key);
    this.tokens.set(key, { user, intent: token.intent ?? "api", expires: token.expires ?? null });
    return key;
  }

  /** Content negotiation, then authentication. */
  initialize(request: ApiRequest): void {
    if (!request.acceptsJson()) throw apiError(406, { detail: "Could not satisfy the request Accept header." });
    request.user = this.authenticate(request);
  }

  /** Returns the token's user, or null without a token. Throws if the token is invalid (auth.bad.*, auth.header.*). */
  private authenticate(request: ApiRequest): User | null {
    const header = (request.header("authorization") ?? "").trim();
    const space = header.indexOf(" ");
    if (space === -1) return null;
    if (header.slice(0, space).toLowerCase() !== "bearer") {
      if (request.behavior.rejectsOtherAuthSchemes) throw apiError(403, { detail: "Unsupported authentication type" });
      return null;
    }
    const key = header.slice(space + 1);
    const token = this.tokens.get(key);
    const isExpired =
      token?.expires !== undefined && token.expires !== null && token.expires < this.instance.timestamp();
    if (!token || isExpired || !token.user.isActive || token.intent !== "api") {
      throw apiError(403, { detail: "Token invalid/expired" });
    }
    return token.user;
  }

  /** GET /core/users/me/ */
  me(request: ApiRequest): HttpResponse {
    const user = request.user;
    if (!user) throw apiError(403, { detail: "Authentication credentials were not provided." });
    const roles: JsonObject = request.behavior.usersHaveRoles ? { roles: user.roles } : {};
    return json(200, {
      user: {
        pk: user.pk,
        username: user.username,
        name: user.name,
        is_active: user.isActive,
        is_superuser: user.isSuperuser,
        groups: user.groups,
        ...roles,
        email: user.email,
        avatar: avatarUrl(user),
        uid: user.uid,
        settings: {},
        type: user.type,
        system_permissions: [],
      },
    });
  }

  /** GET /core/users/?username=…, the only list of users in the recordings. */
  list(request: ApiRequest): HttpResponse {
    if (!request.user) throw apiError(403, { detail: "Authentication credentials were not provided." });
    if (!hasPermission(request.user, "authentik_core.view_user")) throw permissionDenied();
    const username = request.parameter("username");
    if (!username) throw notRecorded("a list of users without a username filter");
    for (const name of request.query.keys()) {
      if (!["username", "page", "page_size"].includes(name))
        throw notRecorded(`a list of users with the parameter ${name}`);
    }
    const user = this.byName.get(username);
    if (user && user.groups.length > 0) throw notRecorded("a list with a user who is in a group");
    return paginate(request, user ? [user] : [], (row) => this.serialize(row));
  }

  private serialize(user: User): JsonObject {
    const { usersHaveRoles } = this.instance.behavior;
    return {
      pk: user.pk,
      username: user.username,
      name: user.name,
      is_active: user.isActive,
      last_login: user.lastLogin === null ? null : formatInstant(user.lastLogin),
      ...(usersHaveRoles ? { date_joined: formatInstant(user.dateJoined) } : {}),
      is_superuser: user.isSuperuser,
      groups: [],
      groups_obj: [],
      ...(usersHaveRoles ? { roles: [], roles_obj: [] } : {}),
      email: user.email,
      avatar: avatarUrl(user),
      attributes: user.attributes,
      uid: user.uid,
      path: user.path,
      type: user.type,
      uuid: user.uuid,
      ...(usersHaveRoles
        ? {
            password_change_date: formatInstant(user.passwordChangeDate),
            last_updated: formatInstant(user.lastUpdated),
          }
        : {}),
    };
  }
}

export function hasPermission(user: User, permission: string): boolean {
  return user.isSuperuser || user.permissions.has(permission);
}

/** The `created_by` of invitations. */
export function serializeCreator(user: User): JsonObject {
  return {
    pk: user.pk,
    username: user.username,
    name: user.name,
    is_active: user.isActive,
    last_login: user.lastLogin === null ? null : formatInstant(user.lastLogin),
    email: user.email,
    attributes: user.attributes,
    uid: user.uid,
  };
}

/** A generated avatar: two letters on a square. */
function avatarUrl(user: User): string {
  const letters = user.name
    .slice(0, 2)
    .toUpperCase()
    .replace(/[^A-Z]/g, "");
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="64px" height="64px"><text x="50%" y="50%">${letters}</text></svg>`;
  return `data:image/svg+xml;base64,${Buffer.from(svg).toString("base64")}`;
}
