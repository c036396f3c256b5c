import { Authentik, type AuthentikVersion } from "../sandbox";

const invitationsPath = "/api/v3/stages/invitation/invitations/";
const mine = ["add", "view", "change", "delete"].map((verb) => `authentik_stages_invitation.${verb}_invitation`);
const seeingEvents = "authentik_events.view_event";

export type EventLog = "well" | "late" | "forbidden" | "broken";
export type FlowSlug = "join" | "guests";

/** What became of an invitation on the server, and since when the event log shows it. */
interface Happening {
  readonly how: "use" | "refusal" | "admin" | "sweep";
  readonly visible: number;
}

/** An invitation as the server has it, for comparisons. */
export interface Row {
  readonly pk: string;
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
  readonly fixedData: object;
  readonly singleUse: boolean;
  readonly flow: string | undefined;
}

/** An authentik with everybody who does something to it but Pulumi: invitees, admins, the clean-up, the clock. */
export class World {
  attribution: boolean = true;
  readonly #uses = new Map<string, number>();
  readonly #ends = new Map<string, Happening>();
  readonly #everMade = new Set<string>();
  #eventLog: EventLog = "well";
  #unbreak: (() => void) | undefined;

  private constructor(
    readonly server: Authentik,
    private readonly token: string,
  ) {}

  static async start(version: AuthentikVersion): Promise<World> {
    const server = await Authentik.start({ version });
    const token = server.addUser("pulumi", [...mine, "authentik_flows.view_flow", seeingEvents]);
    const world = new World(server, token);
    world.makeFlow("join");
    world.makeFlow("guests");
    return world;
  }

  async close(): Promise<void> {
    this.#unbreak?.();
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
    this.server.eventDelay = eventLog === "late" ? 3_600_000 : 0;
    const user = instance.users.named("pulumi");
    if (user) {
      const others = ["authentik_flows.view_flow", ...mine];
      user.permissions = new Set(eventLog === "forbidden" ? others : [...others, seeingEvents]);
    }
    this.#unbreak?.();
    this.#unbreak = undefined;
    if (eventLog === "broken") {
      const spy = jest.spyOn(instance.events, "answerList").mockReturnValue({
        status: 500,
        headers: { "content-type": "text/html" },
        body: { text: "<title>Server Error</title>" },
      });
      this.#unbreak = () => spy.mockRestore();
    }
  }

  /** The next invitation is made, and nobody is told. */
  loseCreation(): void {
    this.server.fail({ method: "POST", path: /\/invitations\/$/, when: "after", cut: true });
  }

  pass(milliseconds: number): void {
    jest.setSystemTime(Date.now() + milliseconds);
  }

  /** The invitations that are there. */
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

  /** Pks of all invitations that ever were there. */
  everMade(): ReadonlySet<string> {
    for (const { pk } of this.rows()) this.#everMade.add(pk);
    return this.#everMade;
  }

  flowPk(slug: FlowSlug): string | undefined {
    return this.server.instance.flows.ofSlug(slug)?.pk;
  }

  hasFlow(pk: string): boolean {
    return this.server.instance.flows.find(pk) !== undefined;
  }

  /** A flow of an invitation stage alone: who comes to it with an invitation has used it. */
  makeFlow(slug: FlowSlug): void {
    const { flows, stages, bindings } = this.server.instance;
    if (flows.ofSlug(slug)) return;
    const target = flows.add({ name: slug, slug, title: slug, designation: "enrollment" });
    bindings.add({ target, stage: stages.add({ name: `${slug}-${target.pk}` }), order: 0 });
  }

  async deleteFlow(slug: FlowSlug): Promise<void> {
    if (this.flowPk(slug)) await this.#asAdmin("DELETE", `/api/v3/flows/instances/${slug}/`);
  }

  /** Somebody opens the link. */
  async open(pk: string): Promise<void> {
    const { instance, version } = this.server;
    const flow = instance.invitations.find(pk)?.flow?.slug ?? "join";
    const row = this.row(pk);
    if (!row || !instance.flows.ofSlug(flow)) return;
    const query = encodeURIComponent(`itoken=${pk}`);
    await this.server.request("GET", `/api/v3/flows/executor/${flow}/?query=${query}`, undefined, null);
    const isRefused = version === "2026.2" && row.expires < Date.now();
    if (!isRefused) this.#uses.set(pk, this.#uses.get(pk) ?? this.#visibleFrom());
    if (!this.row(pk)) this.#end(pk, isRefused ? "refusal" : "use");
  }

  async patch(pk: string, fields: Record<string, unknown>): Promise<void> {
    if (this.row(pk)) await this.#asAdmin("PATCH", `${invitationsPath}${pk}/`, fields);
  }

  async delete(pk: string): Promise<void> {
    if (!this.row(pk)) return;
    await this.#asAdmin("DELETE", `${invitationsPath}${pk}/`);
    this.#end(pk, "admin");
  }

  cleanUp(): void {
    const before = this.rows();
    this.server.cleanUpExpired();
    for (const { pk } of before) if (!this.row(pk)) this.#end(pk, "sweep");
  }

  /** How it came to be gone, other than by Pulumi. */
  endOf(pk: string): Happening["how"] | undefined {
    return this.#ends.get(pk)?.how;
  }

  isUsed(pk: string): boolean {
    return this.#uses.has(pk);
  }

  /** Whether Pulumi can know from the event log how it came to be gone. */
  showsEndOf(pk: string): boolean {
    return this.#shows(this.#ends.get(pk)?.visible);
  }

  showsUseOf(pk: string): boolean {
    return this.#shows(this.#uses.get(pk));
  }

  /** What Pulumi has sent since the last call. */
  requests(): { readonly method: string; readonly path: string; readonly query: string }[] {
    const sent = this.server.requests.filter(({ username }) => username === "pulumi");
    this.server.requests.length = 0;
    return sent;
  }

  #shows(visible: number | undefined): boolean {
    const isReadable = this.#eventLog === "well" || this.#eventLog === "late";
    return isReadable && visible !== undefined && visible <= Date.now();
  }

  #visibleFrom(): number {
    return Date.now() + this.server.eventDelay;
  }

  #end(pk: string, how: Happening["how"]): void {
    this.#everMade.add(pk);
    this.#ends.set(pk, { how, visible: this.#visibleFrom() });
  }

  async #asAdmin(method: string, path: string, body?: unknown): Promise<void> {
    const { status } = await this.server.request(method, path, body);
    if (status >= 300) throw new Error(`An admin's ${method} was answered ${status}.`);
  }
}
