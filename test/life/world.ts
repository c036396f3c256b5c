import { Authentik, type AuthentikVersion } from "../../sandbox";
import { advanceClock } from "../unit/support/clock";
import { addFlow, openLink } from "../unit/support/enrollment";

const invitationsPath = "/api/v3/stages/invitation/invitations/";
const basePermissions = [
  "authentik_flows.view_flow",
  ...["add", "view", "change", "delete"].map((verb) => `authentik_stages_invitation.${verb}_invitation`),
];
const viewEvents = "authentik_events.view_event";

export type EventLog = "working" | "late" | "forbidden" | "failing";
export type FlowSlug = "join" | "guests";

/** Why the server deleted an invitation other than for Pulumi, and from when on the event log shows it. */
interface Deletion {
  /** `refusal`: authentik 2026.2 deletes an expired invitation when its link is opened. */
  readonly cause: "use" | "refusal" | "admin" | "cleanup";
  readonly visibleFrom: number;
}

/** An invitation on the server. */
export interface Row {
  readonly pk: string;
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
  readonly fixedData: object;
  readonly singleUse: boolean;
  readonly flow: string | undefined;
}

/** An authentik, and everything that acts on it except Pulumi: invitees, admins, the cleanup task and the clock. */
export class World {
  attribution: boolean = true;
  readonly #uses = new Map<string, number>();
  readonly #deletions = new Map<string, Deletion>();
  readonly #allPks = new Set<string>();
  #eventLog: EventLog = "working";
  #restoreEvents: (() => void) | undefined;

  private constructor(
    readonly server: Authentik,
    private readonly token: string,
  ) {}

  static async start(version: AuthentikVersion): Promise<World> {
    const server = await Authentik.start({ version });
    const token = server.addUser("pulumi", [...basePermissions, viewEvents]);
    const world = new World(server, token);
    world.createFlow("join");
    world.createFlow("guests");
    return world;
  }

  async close(): Promise<void> {
    this.#restoreEvents?.();
    await this.server.close();
  }

  settings(): Record<string, string> {
    return {
      "authentik:url": this.server.url,
      "authentik:token": this.token,
      ...(this.attribution ? {} : { "authentik:attribution": "false" }),
    };
  }

  get eventLog(): EventLog {
    return this.#eventLog;
  }

  set eventLog(eventLog: EventLog) {
    const { instance } = this.server;
    this.#eventLog = eventLog;
    if (eventLog !== "working") this.server.clearFailures();
    this.server.eventDelay = eventLog === "late" ? 3_600_000 : 0;
    const user = instance.users.findByUsername("pulumi");
    if (user) {
      user.permissions = new Set(eventLog === "forbidden" ? basePermissions : [...basePermissions, viewEvents]);
    }
    this.#restoreEvents?.();
    this.#restoreEvents = undefined;
    if (eventLog === "failing") {
      const spy = jest.spyOn(instance.events, "dispatchList").mockReturnValue({
        status: 500,
        headers: { "content-type": "text/html" },
        body: { text: "<title>Server Error</title>" },
      });
      this.#restoreEvents = () => spy.mockRestore();
    }
  }

  /**
   * The server carries out the next create request, but its response is lost. With an event log that does not answer, a run must fail and leave the
   * invitation behind (see test/unit/lost-response.test.ts), so then the response is not lost.
   */
  loseCreateResponse(): void {
    if (this.#eventLog !== "working") return;
    this.server.injectFailure({ method: "POST", path: /\/invitations\/$/, when: "after", disconnect: true });
  }

  advanceTime(milliseconds: number): void {
    advanceClock(milliseconds);
  }

  rows(): Row[] {
    return [...this.server.instance.invitations.all()].map((row) => ({
      pk: row.pk,
      name: row.name,
      expires: Date.parse(row.expires),
      fixedData: row.fixedData,
      singleUse: row.singleUse,
      flow: row.flow?.pk,
    }));
  }

  row(pk: string): Row | undefined {
    return this.rows().find((row) => row.pk === pk);
  }

  /** The pks of all current and former invitations. */
  allPks(): ReadonlySet<string> {
    for (const { pk } of this.rows()) this.#allPks.add(pk);
    return this.#allPks;
  }

  flowPk(slug: FlowSlug): string | undefined {
    return this.server.instance.flows.findBySlug(slug)?.pk;
  }

  hasFlow(pk: string): boolean {
    return this.server.instance.flows.find(pk) !== undefined;
  }

  createFlow(slug: FlowSlug): void {
    if (!this.flowPk(slug)) addFlow(this.server, slug);
  }

  async deleteFlow(slug: FlowSlug): Promise<void> {
    if (this.flowPk(slug)) await this.#requestAsAdmin("DELETE", `/api/v3/flows/instances/${slug}/`);
  }

  async openLink(pk: string): Promise<void> {
    const { instance, version } = this.server;
    const flow = instance.invitations.find(pk)?.flow?.slug ?? "join";
    const row = this.row(pk);
    if (!row || !instance.flows.findBySlug(flow)) return;
    await openLink(this.server, flow, pk);
    const isRefused = version !== "2024.8" && row.expires < Date.now();
    if (!isRefused) this.#uses.set(pk, this.#uses.get(pk) ?? this.#visibleFrom());
    if (!this.row(pk)) this.#recordDeletion(pk, isRefused ? "refusal" : "use");
  }

  async patch(pk: string, fields: Record<string, unknown>): Promise<void> {
    if (this.row(pk)) await this.#requestAsAdmin("PATCH", `${invitationsPath}${pk}/`, fields);
  }

  async delete(pk: string): Promise<void> {
    if (!this.row(pk)) return;
    await this.#requestAsAdmin("DELETE", `${invitationsPath}${pk}/`);
    this.#recordDeletion(pk, "admin");
  }

  cleanUp(): void {
    const before = this.rows();
    this.server.cleanUpExpired();
    for (const { pk } of before) if (!this.row(pk)) this.#recordDeletion(pk, "cleanup");
  }

  /** Why the invitation was deleted; `undefined` if it was not, or if Pulumi deleted it. */
  deletionCause(pk: string): Deletion["cause"] | undefined {
    return this.#deletions.get(pk)?.cause;
  }

  isUsed(pk: string): boolean {
    return this.#uses.has(pk);
  }

  /** Whether Pulumi can find the deletion in the event log. */
  showsDeletion(pk: string): boolean {
    return this.#isVisible(this.#deletions.get(pk)?.visibleFrom);
  }

  /** Whether Pulumi can find the use in the event log. */
  showsUse(pk: string): boolean {
    return this.#isVisible(this.#uses.get(pk));
  }

  /** Returns Pulumi's requests since the last call. */
  takeRequests(): { readonly method: string; readonly path: string; readonly query: string }[] {
    const requests = this.server.requests.filter(({ username }) => username === "pulumi");
    this.server.requests.length = 0;
    return requests;
  }

  #isVisible(visibleFrom: number | undefined): boolean {
    const isReadable = this.#eventLog === "working" || this.#eventLog === "late";
    return isReadable && visibleFrom !== undefined && visibleFrom <= Date.now();
  }

  #visibleFrom(): number {
    return Date.now() + this.server.eventDelay;
  }

  #recordDeletion(pk: string, cause: Deletion["cause"]): void {
    this.#allPks.add(pk);
    this.#deletions.set(pk, { cause, visibleFrom: this.#visibleFrom() });
  }

  async #requestAsAdmin(method: string, path: string, body?: unknown): Promise<void> {
    const { status } = await this.server.request(method, path, body);
    if (status >= 300) throw new Error(`${method} ${path} as admin returned ${status}.`);
  }
}
