import { type Answer, Crash, json, refuse, unseen } from "./responses";
import type { Call } from "./call";
import { dictionary, Form, moment, nullable, type Read, reference, slug, truth } from "./fields";
import type { Flow } from "./flows";
import { databaseText, type Instant, readInstant, showInstant } from "./instants";
import { type Json, type JsonObject, keep } from "./json";
import { byText, filter, list, type Order, order, search } from "./lists";
import { invitationOptions } from "./metadata";
import { showCreator, type User } from "./users";
import { ViewSet } from "./viewset";

export interface Invitation {
  pk: string;
  name: string;
  expires: Instant;
  fixedData: JsonObject;
  /** Its fixed data cannot be read back any more (invitations.create.fixed_data.int-huge.retrieve, expiry.deep.list). */
  poisoned: boolean;
  createdBy: User;
  singleUse: boolean;
  flow: Flow | null;
}

interface Written {
  name?: string;
  expires?: Instant | null;
  fixedData?: JsonObject;
  singleUse?: boolean;
  flow?: Flow | null;
}

/** Levels of nesting: 200 are answered (body.deep-200), 300 are taken and break every answer (expiry.deep.*); between them nobody looked. */
const deepestSeenWell = 200;
const shallowestSeenBroken = 300;

export class Invitations extends ViewSet<Invitation> {
  protected readonly app = "authentik_stages_invitation";
  protected readonly model = "invitation";
  protected readonly label = "Invitation";
  private readonly rows = new Map<string, Invitation>();

  add(invitation: Partial<Invitation> & { name: string }): Invitation {
    const added: Invitation = {
      pk: this.instance.uuid(),
      expires: this.instance.moment(this.instance.defaultTokenMinutes),
      fixedData: {},
      poisoned: false,
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
  drop(invitation: Invitation): void {
    this.rows.delete(invitation.pk);
  }

  removeThoseOf(user: User): void {
    for (const row of this.rows.values()) if (row.createdBy === user) this.drop(row);
  }

  /** invitations.retrieve.flow-deleted: from then on any flow takes it. */
  forgetFlow(flow: Flow): void {
    for (const row of this.rows.values()) if (row.flow === flow) row.flow = null;
  }

  /** The clean-up task; its events have no request (events.swept.search-hex). */
  cleanUpExpired(): number {
    const now = this.instance.moment();
    const expired = Array.from(this.rows.values()).filter((row) => row.expires < now);
    for (const row of expired) {
      this.drop(row);
      this.instance.events.swept(this.ref(row));
    }
    return expired.length;
  }

  ref(row: Invitation): { app: string; model: string; pk: string; name: string } {
    return { app: this.app, model: this.model, pk: row.pk, name: row.name };
  }

  protected list(call: Call): Answer {
    const { hour24 } = call.profile;
    const found = filter(call, this.rows.values(), {
      name: (text) => (row) => row.name === text,
      created_by__username: (text) => (row) => row.createdBy.username === text,
      flow__slug: (text) => (row) => row.flow?.slug === text,
      expires: (text) => {
        const moment = readInstant(text, hour24);
        // list.expires.bad, list.expires.plus-unescaped
        if (moment === "format" || moment === "range") return { errors: ["Enter a valid date/time."] };
        return (row) => row.expires === moment;
      },
    });
    const searched = search(call, found, (row) => [
      row.name,
      row.createdBy.username,
      databaseText(row.expires),
      row.flow?.slug ?? "",
    ]);
    return list(call, order(call, searched, orders, "-expires"), (row) => this.show(row));
  }

  protected create(call: Call, user: User): Answer {
    const written = this.read(call, false);
    const kept = keepFixedData(written.fixedData ?? {});
    const row = this.add({
      name: written.name ?? "",
      ...(written.expires ? { expires: written.expires } : {}),
      fixedData: kept.value,
      poisoned: kept.poisoned,
      createdBy: user,
      singleUse: written.singleUse ?? false,
      flow: written.flow ?? null,
    });
    this.instance.events.created(
      call,
      this.ref(row),
      {
        flow: row.flow?.pk.replaceAll("-", "") ?? null,
        name: row.name,
        expires: showInstant(row.expires),
        expiring: true,
        created_by: row.createdBy.pk,
        fixed_data: written.fixedData ?? {},
        single_use: row.singleUse,
        invite_uuid: row.pk.replaceAll("-", ""),
      },
      row.poisoned,
    );
    return json(201, this.showWritten(row, written, kept));
  }

  protected update(call: Call, row: Invitation, partial: boolean): Answer {
    const written = this.read(call, partial);
    const kept = keepFixedData(written.fixedData ?? row.fixedData);
    row.name = written.name ?? row.name;
    // patch.expires-null, put.nulls: "never" cannot be said; it becomes the default again.
    if (written.expires !== undefined) {
      row.expires = written.expires ?? this.instance.moment(this.instance.defaultTokenMinutes);
    }
    if (written.fixedData !== undefined) {
      row.fixedData = kept.value;
      row.poisoned = kept.poisoned;
    }
    row.singleUse = written.singleUse ?? row.singleUse;
    // put.name-only: what is left out stays, in a PUT too.
    if (written.flow !== undefined) row.flow = written.flow;
    this.instance.events.updated(call, this.ref(row));
    return json(200, this.showWritten(row, written, kept));
  }

  protected remove(call: Call, row: Invitation): void {
    this.drop(row);
    this.instance.events.deleted(call, this.ref(row));
  }

  protected show(row: Invitation): Json {
    if (row.poisoned) throw new Crash("its fixed data cannot be read");
    return this.shown(row, row.fixedData);
  }

  /** invitations.used_by */
  protected usedBy(): Json {
    return [];
  }

  protected override options(call: Call, method: "POST" | "PUT"): Answer {
    return json(200, invitationOptions(call.profile, method));
  }

  /** The answer to a write shows the fixed data as they were sent, and breaks on those that were poisoned before (int-huge.patch-name). */
  private showWritten(row: Invitation, written: Written, kept: { tooDeep: boolean }): Json {
    if (kept.tooDeep) throw new Crash("its fixed data are nested too deep");
    return written.fixedData === undefined ? this.show(row) : this.shown(row, written.fixedData);
  }

  private shown(row: Invitation, fixedData: JsonObject): Json {
    return {
      pk: row.pk,
      name: row.name,
      expires: showInstant(row.expires),
      fixed_data: fixedData,
      created_by: showCreator(row.createdBy),
      single_use: row.singleUse,
      flow: row.flow?.pk ?? null,
      flow_obj: row.flow ? this.instance.flows.show(row.flow) : null,
    };
  }

  private read(call: Call, partial: boolean): Written {
    const form = new Form(call.fields(), partial);
    const flowOf = reference((pk) => this.instance.flows.find(pk));
    // flow.empty: an empty text is none.
    const flowOrNone = (value: Json): Read<Flow | null> => (value === "" ? { value: null } : nullable(flowOf)(value));
    const written: Written = {
      name: form.required("name", slug(call.profile)),
      expires: form.optional("expires", nullable(moment(call.profile))),
      fixedData: form.optional("fixed_data", dictionary),
      singleUse: form.optional("single_use", truth),
      flow: form.optional("flow", flowOrNone),
    };
    if (form.wrong) throw refuse(400, form.errors);
    return written;
  }
}

function keepFixedData(fixedData: JsonObject): { value: JsonObject; poisoned: boolean; tooDeep: boolean } {
  const kept = keep(fixedData);
  // fixed_data.nul: the database refuses it, so nothing is saved.
  if (kept.nul) throw new Crash("the database takes no NUL");
  if (kept.depth > deepestSeenWell && kept.depth < shallowestSeenBroken)
    throw unseen(`fixed data of ${kept.depth} levels`);
  const tooDeep = kept.depth >= shallowestSeenBroken;
  return { value: kept.value as JsonObject, poisoned: kept.poison || tooDeep, tooDeep };
}

/** ordering.flow, .created_by and .fixed_data were seen on rows that they hardly tell apart. */
const orders: Record<string, Order<Invitation>> = {
  pk: byText((row) => row.pk),
  name: byText((row) => row.name),
  expires: byText((row) => row.expires),
  single_use: () => {
    throw unseen("the ordering single_use");
  },
  // Without a flow come last.
  flow: byText((row) => row.flow?.pk ?? "~"),
  created_by: (a, b) => a.createdBy.pk - b.createdBy.pk,
  fixed_data: (a, b) => {
    if (Object.keys(a.fixedData).length + Object.keys(b.fixedData).length > 0) throw unseen("the ordering fixed_data");
    return 0;
  },
};
