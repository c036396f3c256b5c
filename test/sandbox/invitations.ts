import {
  booleanField,
  dateTimeField,
  dictField,
  type FieldResult,
  nullable,
  primaryKeyField,
  Serializer,
  slugField,
} from "./fields";
import type { Flow } from "./flows";
import { formatForSearch, formatInstant, type Instant, parseInstant } from "./instants";
import { type Json, type JsonObject, storeJson } from "./json";
import { byString, type Comparator, filterRows, orderRows, paginate, searchRows } from "./lists";
import { invitationOptions } from "./metadata";
import type { ApiRequest } from "./request";
import { apiError, type HttpResponse, json, notRecorded, ServerCrash } from "./responses";
import { serializeCreator, type User } from "./users";
import { ViewSet } from "./viewset";

export interface Invitation {
  pk: string;
  name: string;
  expires: Instant;
  fixedData: JsonObject;
  /** Its fixed data cannot be read back any more (invitations.create.fixed_data.int-huge.retrieve, expiry.deep.list). */
  isUnreadable: boolean;
  createdBy: User;
  singleUse: boolean;
  flow: Flow | null;
}

interface ValidatedFields {
  name?: string;
  expires?: Instant | null;
  fixedData?: JsonObject;
  singleUse?: boolean;
  flow?: Flow | null;
}

/** Levels of nesting: 200 are answered (body.deep-200), 300 are taken and break every answer (expiry.deep.*); between them nobody looked. */
const maxReadableDepth = 200;
const minUnreadableDepth = 300;

export class Invitations extends ViewSet<Invitation> {
  protected readonly app = "authentik_stages_invitation";
  protected readonly model = "invitation";
  protected readonly label = "Invitation";
  private readonly rows = new Map<string, Invitation>();

  add(invitation: Partial<Invitation> & { name: string }): Invitation {
    const added: Invitation = {
      pk: this.instance.uuid(),
      expires: this.instance.timestamp(this.instance.defaultTokenMinutes),
      fixedData: {},
      isUnreadable: false,
      createdBy: this.instance.users.admin,
      singleUse: false,
      flow: null,
      ...invitation,
    };
    this.rows.set(added.pk, added);
    return added;
  }

  find(pk: string): Invitation | undefined {
    return this.rows.get(pk);
  }

  all(): Iterable<Invitation> {
    return this.rows.values();
  }

  get count(): number {
    return this.rows.size;
  }

  /** Takes it out without a word; who deletes it writes the event. */
  remove(invitation: Invitation): void {
    this.rows.delete(invitation.pk);
  }

  removeByCreator(user: User): void {
    for (const row of this.rows.values()) if (row.createdBy === user) this.remove(row);
  }

  /** invitations.retrieve.flow-deleted: from then on any flow takes it. */
  clearFlow(flow: Flow): void {
    for (const row of this.rows.values()) if (row.flow === flow) row.flow = null;
  }

  /** The clean-up task; its events have no request (events.swept.search-hex). */
  cleanUpExpired(): number {
    const now = this.instance.timestamp();
    const expired = Array.from(this.rows.values()).filter((row) => row.expires < now);
    for (const row of expired) {
      this.remove(row);
      this.instance.events.logCleanedUp(this.toReference(row));
    }
    return expired.length;
  }

  toReference(row: Invitation): { app: string; model: string; pk: string; name: string } {
    return { app: this.app, model: this.model, pk: row.pk, name: row.name };
  }

  protected list(call: ApiRequest): HttpResponse {
    const { acceptsHour24: hour24 } = call.behavior;
    const found = filterRows(call, this.rows.values(), {
      name: (text) => (row) => row.name === text,
      created_by__username: (text) => (row) => row.createdBy.username === text,
      flow__slug: (text) => (row) => row.flow?.slug === text,
      expires: (text) => {
        const moment = parseInstant(text, hour24);
        // list.expires.bad, list.expires.plus-unescaped
        if (moment === "format" || moment === "range") return { errors: ["Enter a valid date/time."] };
        return (row) => row.expires === moment;
      },
    });
    const searched = searchRows(call, found, (row) => [
      row.name,
      row.createdBy.username,
      formatForSearch(row.expires),
      row.flow?.slug ?? "",
    ]);
    return paginate(call, orderRows(call, searched, comparators, "-expires"), (row) => this.serialize(row));
  }

  protected create(call: ApiRequest, user: User): HttpResponse {
    const written = this.validate(call, false);
    const kept = storeFixedData(written.fixedData ?? {});
    const row = this.add({
      name: written.name ?? "",
      ...(written.expires ? { expires: written.expires } : {}),
      fixedData: kept.value,
      isUnreadable: kept.poisoned,
      createdBy: user,
      singleUse: written.singleUse ?? false,
      flow: written.flow ?? null,
    });
    this.instance.events.logCreated(
      call,
      this.toReference(row),
      {
        flow: row.flow?.pk.replaceAll("-", "") ?? null,
        name: row.name,
        expires: formatInstant(row.expires),
        expiring: true,
        created_by: row.createdBy.pk,
        fixed_data: written.fixedData ?? {},
        single_use: row.singleUse,
        invite_uuid: row.pk.replaceAll("-", ""),
      },
      row.isUnreadable,
    );
    return json(201, this.serializeAfterWrite(row, written, kept));
  }

  protected update(call: ApiRequest, row: Invitation, partial: boolean): HttpResponse {
    const written = this.validate(call, partial);
    const kept = storeFixedData(written.fixedData ?? row.fixedData);
    row.name = written.name ?? row.name;
    // patch.expires-null, put.nulls: "never" cannot be said; it becomes the default again.
    if (written.expires !== undefined) {
      row.expires = written.expires ?? this.instance.timestamp(this.instance.defaultTokenMinutes);
    }
    if (written.fixedData !== undefined) {
      row.fixedData = kept.value;
      row.isUnreadable = kept.poisoned;
    }
    row.singleUse = written.singleUse ?? row.singleUse;
    // put.name-only: what is left out stays, in a PUT too.
    if (written.flow !== undefined) row.flow = written.flow;
    this.instance.events.logUpdated(call, this.toReference(row));
    return json(200, this.serializeAfterWrite(row, written, kept));
  }

  protected destroy(call: ApiRequest, row: Invitation): void {
    this.remove(row);
    this.instance.events.logDeleted(call, this.toReference(row));
  }

  protected serialize(row: Invitation): Json {
    if (row.isUnreadable) throw new ServerCrash("its fixed data cannot be read");
    return this.serializeWithFixedData(row, row.fixedData);
  }

  /** invitations.used_by */
  protected usedBy(): Json {
    return [];
  }

  protected override options(call: ApiRequest, method: "POST" | "PUT"): HttpResponse {
    return json(200, invitationOptions(call.behavior, method));
  }

  /** The answer to a write shows the fixed data as they were sent, and breaks on those that were poisoned before (int-huge.patch-name). */
  private serializeAfterWrite(row: Invitation, written: ValidatedFields, kept: { tooDeep: boolean }): Json {
    if (kept.tooDeep) throw new ServerCrash("its fixed data are nested too deep");
    return written.fixedData === undefined ? this.serialize(row) : this.serializeWithFixedData(row, written.fixedData);
  }

  private serializeWithFixedData(row: Invitation, fixedData: JsonObject): Json {
    return {
      pk: row.pk,
      name: row.name,
      expires: formatInstant(row.expires),
      fixed_data: fixedData,
      created_by: serializeCreator(row.createdBy),
      single_use: row.singleUse,
      flow: row.flow?.pk ?? null,
      flow_obj: row.flow ? this.instance.flows.serialize(row.flow) : null,
    };
  }

  private validate(call: ApiRequest, partial: boolean): ValidatedFields {
    const form = new Serializer(call.bodyFields(), partial);
    const flowOf = primaryKeyField((pk) => this.instance.flows.find(pk));
    // flow.empty: an empty text is none.
    const flowOrNone = (value: Json): FieldResult<Flow | null> =>
      value === "" ? { value: null } : nullable(flowOf)(value);
    const written: ValidatedFields = {
      name: form.required("name", slugField(call.behavior)),
      expires: form.optional("expires", nullable(dateTimeField(call.behavior))),
      fixedData: form.optional("fixed_data", dictField),
      singleUse: form.optional("single_use", booleanField),
      flow: form.optional("flow", flowOrNone),
    };
    if (form.hasErrors) throw apiError(400, form.errors);
    return written;
  }
}

function storeFixedData(fixedData: JsonObject): { value: JsonObject; poisoned: boolean; tooDeep: boolean } {
  const kept = storeJson(fixedData);
  // fixed_data.nul: the database refuses it, so nothing is saved.
  if (kept.hasNul) throw new ServerCrash("the database takes no NUL");
  if (kept.depth > maxReadableDepth && kept.depth < minUnreadableDepth)
    throw notRecorded(`fixed data of ${kept.depth} levels`);
  const tooDeep = kept.depth >= minUnreadableDepth;
  return { value: kept.value as JsonObject, poisoned: kept.isUnreadable || tooDeep, tooDeep };
}

/** ordering.flow, .created_by and .fixed_data were seen on rows that they hardly tell apart. */
const comparators: Record<string, Comparator<Invitation>> = {
  pk: byString((row) => row.pk),
  name: byString((row) => row.name),
  expires: byString((row) => row.expires),
  single_use: () => {
    throw notRecorded("the ordering single_use");
  },
  // Without a flow come last.
  flow: byString((row) => row.flow?.pk ?? "~"),
  created_by: (a, b) => a.createdBy.pk - b.createdBy.pk,
  fixed_data: (a, b) => {
    if (Object.keys(a.fixedData).length + Object.keys(b.fixedData).length > 0)
      throw notRecorded("the ordering fixed_data");
    return 0;
  },
};
