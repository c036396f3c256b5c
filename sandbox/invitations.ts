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
import { inspectJson, isHuge, isObject, type Json, type JsonObject, storeJson } from "./json";
import { byString, type Comparator, filterRows, orderRows, paginate, searchRows } from "./lists";
import type { ApiRequest } from "./request";
import { apiError, type HttpResponse, json, noContent, notRecorded, ServerCrash } from "./responses";
import { recordSecret } from "./secrets";
import { serializeCreator, type User } from "./users";
import { ViewSet } from "./viewset";

export interface Invitation {
  pk: string;
  name: string;
  expires: Instant;
  fixedData: JsonObject;
  /** The database contains fixed data that authentik cannot read back (fixed_data.int-huge.retrieve, expiry.deep.list). */
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

/** Levels of nesting: 200 are readable (body.deep-200), 300 crash every response (expiry.deep.*). Nothing in between was recorded. */
const maxReadableDepth = 200;
const minUnreadableDepth = 300;

export class Invitations extends ViewSet<Invitation> {
  protected readonly app = "authentik_stages_invitation";
  protected readonly model = "invitation";
  protected readonly label = "Invitation";

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
    recordSecret(added.pk);
    return added;
  }

  get count(): number {
    return this.rows.size;
  }

  /** Does not log an event. The caller does, because the event depends on who deletes the invitation. */
  remove(invitation: Invitation): void {
    this.rows.delete(invitation.pk);
  }

  removeByCreator(user: User): void {
    for (const row of this.rows.values()) if (row.createdBy === user) this.remove(row);
  }

  /** Deleting a flow sets the `flow` of its invitations to null (invitations.retrieve.flow-deleted). */
  clearFlow(flow: Flow): void {
    for (const row of this.rows.values()) if (row.flow === flow) row.flow = null;
  }

  /** Deletes expired invitations, as authentik's cleanup task does. Returns how many. */
  cleanUpExpired(): number {
    const now = this.instance.timestamp();
    const expired = this.all().filter((row) => row.expires < now);
    for (const row of expired) {
      this.remove(row);
      this.instance.events.logCleanedUp(this.toReference(row));
    }
    return expired.length;
  }

  /** POST /stages/invitation/invitations/{pk}/send_email/. Logs no event of the invitation. */
  dispatchSendEmail(request: ApiRequest, key: string): HttpResponse {
    return this.dispatchAction(request, key, (row) => {
      const body = request.parsedBody();
      if (!isObject(body)) throw notRecorded("a body of send_email that is not an object");
      this.instance.outbox.sendInvitation(request, body, row);
      return noContent();
    });
  }

  protected list(request: ApiRequest): HttpResponse {
    const { acceptsHour24 } = request.behavior;
    const filtered = filterRows(request, this.all(), {
      name: (value) => (row) => row.name === value,
      created_by__username: (value) => (row) => row.createdBy.username === value,
      flow__slug: (value) => (row) => row.flow?.slug === value,
      expires: (value) => {
        const instant = parseInstant(value, acceptsHour24);
        // list.expires.bad, list.expires.plus-unescaped
        if (instant === "format" || instant === "range") return { errors: ["Enter a valid date/time."] };
        return (row) => row.expires === instant;
      },
    });
    const searched = searchRows(request, filtered, (row) => [
      row.name,
      row.createdBy.username,
      formatForSearch(row.expires),
      row.flow?.slug ?? "",
    ]);
    return paginate(request, orderRows(request, searched, comparators, "-expires"), (row) => this.serialize(row));
  }

  protected create(request: ApiRequest, user: User): HttpResponse {
    const validated = this.validate(request, false);
    const stored = storeFixedData(validated.fixedData ?? {});
    const row = this.add({
      name: validated.name ?? "",
      ...(validated.expires ? { expires: validated.expires } : {}),
      fixedData: stored.value,
      isUnreadable: stored.isUnreadable,
      createdBy: user,
      singleUse: validated.singleUse ?? false,
      flow: validated.flow ?? null,
    });
    this.instance.events.logCreated(
      request,
      this.toReference(row),
      {
        flow: row.flow?.pk.replaceAll("-", "") ?? null,
        name: row.name,
        expires: formatInstant(row.expires),
        expiring: true,
        created_by: row.createdBy.pk,
        fixed_data: validated.fixedData ?? {},
        single_use: row.singleUse,
        invite_uuid: row.pk.replaceAll("-", ""),
      },
      row.isUnreadable,
    );
    return json(201, this.serializeAfterWrite(row, validated, stored));
  }

  protected update(request: ApiRequest, row: Invitation, partial: boolean): HttpResponse {
    const validated = this.validate(request, partial);
    const stored = storeFixedData(validated.fixedData ?? row.fixedData);
    row.name = validated.name ?? row.name;
    // patch.expires-null, put.nulls: null means the default duration, not "never".
    if (validated.expires !== undefined) {
      row.expires = validated.expires ?? this.instance.timestamp(this.instance.defaultTokenMinutes);
    }
    if (validated.fixedData !== undefined) {
      row.fixedData = stored.value;
      row.isUnreadable = stored.isUnreadable;
    }
    row.singleUse = validated.singleUse ?? row.singleUse;
    // put.name-only: PUT keeps omitted fields.
    if (validated.flow !== undefined) row.flow = validated.flow;
    this.instance.events.logUpdated(request, this.toReference(row));
    return json(200, this.serializeAfterWrite(row, validated, stored));
  }

  protected destroy(request: ApiRequest, row: Invitation): void {
    this.remove(row);
    this.instance.events.logDeleted(request, this.toReference(row));
  }

  protected serialize(row: Invitation): Json {
    if (row.isUnreadable) throw new ServerCrash("fixed data cannot be read back");
    return this.serializeWithFixedData(row, row.fixedData);
  }

  /** The response to a write has the fixed data as sent. If the write omits them, unreadable stored ones crash it (int-huge.patch-name). */
  private serializeAfterWrite(row: Invitation, validated: ValidatedFields, stored: { isTooDeep: boolean }): Json {
    if (stored.isTooDeep) throw new ServerCrash("fixed data are nested too deeply");
    return validated.fixedData === undefined
      ? this.serialize(row)
      : this.serializeWithFixedData(row, validated.fixedData);
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

  private validate(request: ApiRequest, partial: boolean): ValidatedFields {
    const serializer = new Serializer(request.bodyFields(), partial);
    const existingFlow = primaryKeyField((pk) => this.instance.flows.find(pk));
    // flow.empty: an empty string means null.
    const flowField = (value: Json): FieldResult<Flow | null> =>
      value === "" ? { value: null } : nullable(existingFlow)(value);
    const validated: ValidatedFields = {
      name: serializer.required("name", slugField(request.behavior)),
      expires: serializer.optional("expires", nullable(dateTimeField(request.behavior))),
      fixedData: serializer.optional("fixed_data", dictField),
      singleUse: serializer.optional("single_use", booleanField),
      flow: serializer.optional("flow", flowField),
    };
    if (serializer.hasErrors) throw apiError(400, serializer.errors);
    return validated;
  }
}

function storeFixedData(fixedData: JsonObject): { value: JsonObject; isUnreadable: boolean; isTooDeep: boolean } {
  const value = storeJson(fixedData) as JsonObject;
  const { leaves, depth } = inspectJson(value);
  // fixed_data.nul: the database rejects it, so nothing is saved.
  if (leaves.some((leaf) => typeof leaf === "string" && leaf.includes("\u0000")))
    throw new ServerCrash("the database rejects NUL");
  const isTooDeep = depth >= minUnreadableDepth;
  if (depth > maxReadableDepth && !isTooDeep) throw notRecorded(`fixed data of ${depth} levels`);
  return { value, isUnreadable: isTooDeep || leaves.some(isHuge), isTooDeep };
}

/** ordering.flow, .created_by and .fixed_data were recorded with rows that are mostly equal in these fields. */
const comparators: Record<string, Comparator<Invitation>> = {
  pk: byString((row) => row.pk),
  name: byString((row) => row.name),
  expires: byString((row) => row.expires),
  single_use: () => {
    throw notRecorded("the ordering single_use");
  },
  // Invitations without a flow come last.
  flow: byString((row) => row.flow?.pk ?? "~"),
  created_by: (a, b) => a.createdBy.pk - b.createdBy.pk,
  fixed_data: (a, b) => {
    if (Object.keys(a.fixedData).length + Object.keys(b.fixedData).length > 0)
      throw notRecorded("the ordering fixed_data");
    return 0;
  },
};
