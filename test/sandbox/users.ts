import { createHash, randomBytes } from "node:crypto";
import { type Answer, denied, json, noContent, refuse, unseen } from "./responses";
import type { Call } from "./call";
import type { Instance } from "./instance";
import { type Instant, showInstant } from "./instants";
import type { Json, JsonObject } from "./json";
import { list, missing } from "./lists";

export interface User {
  pk: number;
  uuid: string;
  username: string;
  name: string;
  email: string;
  active: boolean;
  superuser: boolean;
  type: "internal" | "external" | "service_account";
  path: string;
  permissions: ReadonlySet<string>;
  groups: JsonObject[];
  roles: JsonObject[];
  attributes: JsonObject;
  uid: string;
  joined: Instant;
  lastLogin: Instant | null;
  passwordChanged: Instant;
  updated: Instant;
}

interface Token {
  user: User;
  intent: "api" | "app_password";
  expires: Instant | null;
  identifier: string;
}

export class Users {
  private readonly byPk = new Map<number, User>();
  private readonly byName = new Map<string, User>();
  private readonly tokens = new Map<string, Token>();
  /** akadmin is the third: before it come AnonymousUser and the embedded outpost (`me`). */
  private nextPk = 3;
  readonly admin: User;

  constructor(private readonly instance: Instance) {
    this.admin = this.add({
      username: "akadmin",
      name: "authentik Default Admin",
      email: instance.profile.adminEmail,
      superuser: true,
      groups: [{ name: "authentik Admins", pk: instance.uuid() }],
    });
  }

  add(user: Partial<User> & { username: string }): User {
    const added: User = {
      pk: this.nextPk,
      uuid: this.instance.uuid(),
      name: user.username,
      email: "",
      active: true,
      superuser: false,
      type: "internal",
      path: "users",
      permissions: new Set(),
      groups: [],
      roles: [],
      attributes: {},
      uid: createHash("sha256")
        .update(`${this.nextPk}-${randomBytes(16).toString("hex")}`)
        .digest("hex"),
      joined: this.instance.moment(),
      lastLogin: null,
      passwordChanged: this.instance.moment(),
      updated: this.instance.moment(),
      ...user,
    };
    this.nextPk += 1;
    this.byPk.set(added.pk, added);
    this.byName.set(added.username, added);
    return added;
  }

  named(username: string): User | undefined {
    return this.byName.get(username);
  }

  /** With the user go its tokens and the invitations it made (invitations.retrieve.after-creator-delete). */
  remove(user: User): void {
    this.byPk.delete(user.pk);
    this.byName.delete(user.username);
    for (const [key, token] of this.tokens) if (token.user === user) this.tokens.delete(key);
    this.instance.invitations.removeThoseOf(user);
  }

  addToken(user: User, token: Partial<Token> & { key?: string } = {}): string {
    const key = token.key ?? randomBytes(30).toString("hex");
    this.tokens.set(key, {
      user,
      intent: token.intent ?? "api",
      expires: token.expires ?? null,
      identifier: token.identifier ?? this.instance.uuid(),
    });
    return key;
  }

  /** Who asks; null if nobody says who. A token that is none is refused at once (auth.bad.*, auth.header.*). */
  authenticate(call: Call): User | null {
    const header = (call.header("authorization") ?? "").trim();
    const space = header.indexOf(" ");
    if (space === -1) return null;
    if (header.slice(0, space).toLowerCase() !== "bearer") {
      if (call.profile.refusesOtherSchemes) throw refuse(403, { detail: "Unsupported authentication type" });
      return null;
    }
    const key = header.slice(space + 1);
    const token = this.tokens.get(key);
    const expired = token?.expires !== undefined && token.expires !== null && token.expires < this.instance.moment();
    // auth.expired.token-object: whoever comes with an expired token deletes it.
    if (expired) this.tokens.delete(key);
    if (!token || expired || !token.user.active || token.intent !== "api") {
      throw refuse(403, { detail: "Token invalid/expired" });
    }
    return token.user;
  }

  /** GET /core/users/me/ */
  me(call: Call): Answer {
    const user = call.user;
    if (!user) throw refuse(403, { detail: "Authentication credentials were not provided." });
    const roles: JsonObject = call.profile.usersHoldRoles ? { roles: user.roles } : {};
    return json(200, {
      user: {
        pk: user.pk,
        username: user.username,
        name: user.name,
        is_active: user.active,
        is_superuser: user.superuser,
        groups: user.groups,
        ...roles,
        email: user.email,
        avatar: avatar(user),
        uid: user.uid,
        settings: {},
        type: user.type,
        system_permissions: user.superuser ? call.profile.systemPermissions : [],
      },
    });
  }

  /** GET /core/users/, as the enrolment's recording asks: by user name. */
  list(call: Call): Answer {
    if (!call.user) throw refuse(403, { detail: "Authentication credentials were not provided." });
    if (!may(call.user, "authentik_core.view_user")) throw denied();
    const username = call.parameter("username");
    if (!username) throw unseen("a list of users without a user name");
    for (const name of call.query.keys()) {
      if (!["username", "page", "page_size"].includes(name)) throw unseen(`the list of users with ${name}`);
    }
    const user = this.byName.get(username);
    return list(call, user ? [user] : [], (row) => this.show(row), usersAutocomplete);
  }

  /** DELETE /core/users/{pk}/ */
  one(call: Call, key: string): Answer {
    if (!call.user || !may(call.user, "authentik_core.view_user")) throw denied();
    if (call.method !== "DELETE") throw unseen(`${call.method} on one user`);
    const user = this.byPk.get(Number(key));
    if (!user) throw missing(call, "User");
    if (!may(call.user, "authentik_core.delete_user")) throw denied();
    if (user.superuser) throw unseen("the deletion of an admin");
    this.remove(user);
    return noContent();
  }

  /** GET /core/tokens/{identifier}/, for the one recorded case: a token that is gone (auth.expired.token-object). */
  token(call: Call, identifier: string): Answer {
    if (!call.user?.superuser) throw denied();
    for (const token of this.tokens.values()) {
      if (token.identifier === identifier) throw unseen("a token as an object");
    }
    if (call.method !== "GET") throw unseen(`${call.method} on a token`);
    throw missing(call, "Token");
  }

  private show(user: User): JsonObject {
    const roles = this.instance.profile.usersHoldRoles;
    return {
      pk: user.pk,
      username: user.username,
      name: user.name,
      is_active: user.active,
      last_login: user.lastLogin === null ? null : showInstant(user.lastLogin),
      ...(roles ? { date_joined: showInstant(user.joined) } : {}),
      is_superuser: user.superuser,
      groups: user.groups.map((group) => group["pk"] as Json),
      groups_obj: user.groups.length > 0 ? this.unseenGroups() : [],
      ...(roles ? { roles: [], roles_obj: [] } : {}),
      email: user.email,
      avatar: avatar(user),
      attributes: user.attributes,
      uid: user.uid,
      path: user.path,
      type: user.type,
      uuid: user.uuid,
      ...(roles
        ? { password_change_date: showInstant(user.passwordChanged), last_updated: showInstant(user.updated) }
        : {}),
    };
  }

  private unseenGroups(): never {
    throw unseen("a listed user who is in a group");
  }
}

export function may(user: User, permission: string): boolean {
  return user.superuser || user.permissions.has(permission);
}

/** A user as invitations name it in `created_by`. */
export function showCreator(user: User): JsonObject {
  return {
    pk: user.pk,
    username: user.username,
    name: user.name,
    is_active: user.active,
    last_login: user.lastLogin === null ? null : showInstant(user.lastLogin),
    email: user.email,
    attributes: user.attributes,
    uid: user.uid,
  };
}

/** Two letters on a square, as the server draws it. */
function avatar(user: User): string {
  const letters = user.name
    .slice(0, 2)
    .toUpperCase()
    .replace(/[^A-Z]/g, "");
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="64px" height="64px"><text x="50%" y="50%">${letters}</text></svg>`;
  return `data:image/svg+xml;base64,${Buffer.from(svg).toString("base64")}`;
}

const plain = (type: string): JsonObject => ({ type, nullable: false, options: null });

/** `enroll.user` */
const usersAutocomplete: JsonObject = {
  current_model: "authentik_core.user",
  models: {
    "authentik_core.user": {
      username: plain("str"),
      name: plain("str"),
      email: plain("str"),
      path: plain("str"),
      is_active: { type: "bool", nullable: true, options: null },
      type: {
        type: "str",
        nullable: false,
        options: ["internal", "external", "service_account", "internal_service_account"],
      },
      attributes: { ...plain("relation"), relation: "authentik_core.user_attributes" },
    },
  },
};
