import type { Flow } from "./flows";
import type { Authentik } from "./index";
import { isObject, type Json, type JsonObject } from "./json";
import type { Exchange, RecordingName } from "./recordings";
import type { Stage } from "./stages";

const farFuture = "2031-05-06T07:08:09.000000Z";
const past = "2001-02-03T04:05:06.000000Z";

/** What the people who recorded did between the recorded requests, deduced from what later exchanges show. */
export class RecordingSetup {
  /** Tokens by the names that the recording gives them. */
  readonly tokens: Record<string, string>;
  private readonly stages: Record<string, Stage> = {};

  constructor(
    private readonly authentik: Authentik,
    private readonly exchanges: readonly Exchange[],
  ) {
    this.tokens = { admin: authentik.token, bad: "not-a-token" };
  }

  /** By the case before which it was done. */
  steps(recording: RecordingName): Record<string, () => unknown> {
    const { instance } = this.authentik;
    const { invitations, flows, users } = instance;
    if (recording === "events") {
      return { "events.swept.search-hex": () => this.authentik.cleanUpExpired() };
    }
    if (recording === "enrollment") return {};
    return {
      "invitations.create.expires.omitted-with-other-default": () => {
        instance.defaultTokenMinutes = 120;
      },
      "invitations.create.single_use.true": () => {
        instance.defaultTokenMinutes = 30;
      },
      // A flow of every designation was made.
      "invitations.create.flow.designation-authentication": () => {
        for (const { case: name, responseBody: answer } of this.exchanges) {
          if (name.startsWith("invitations.create.flow.designation-")) this.addFlowOf(answer);
        }
      },
      "invitations.retrieve.flow-renamed": () => {
        const answer = this.responseOf("invitations.retrieve.flow-renamed");
        invitations.add({
          pk: pkOf(answer),
          name: "rec-flow-doomed",
          expires: farFuture,
          flow: this.addFlowOf(answer),
        });
      },
      "invitations.retrieve.flow-deleted": () => {
        const flow = flows.ofSlug("rec-flow-renamed") as Flow;
        return this.authentik.request("DELETE", `/api/v3/flows/instances/${flow.slug}/`);
      },
      "invitations.list.all": () => {
        this.removeAll();
        const pks = this.listedPks("invitations.list.all");
        const flow = flows.ofSlug("rec-flow") ?? null;
        const newYear = "2031-01-01T00:00:00.000000Z";
        invitations.add({ ...pks("rec-l-a"), expires: newYear, flow });
        invitations.add(pks("rec-l-b"));
        invitations.add({ ...pks("rec-l-c"), expires: "2030-01-01T00:00:00.000000Z" });
        invitations.add({ ...pks("rec-l-d"), expires: newYear });
        invitations.add({ ...pks("rec-l-e"), expires: past });
        invitations.add({ ...pks("rec-l-f"), singleUse: true });
      },
      "auth.none.list": () => {
        invitations.add({ pk: this.pkInPath("auth.none.retrieve"), name: "rec-access", expires: farFuture });
        const all = ["add", "view", "change", "delete"];
        const permissions = [
          ...all.map((action) => `authentik_stages_invitation.${action}_invitation`),
          ...all.map((action) => `authentik_stages_invitation.${action}_invitationstage`),
          "authentik_flows.view_flow",
        ];
        this.addUser("limited", []);
        const deputy = this.addUser("deputy", permissions);
        deputy.groups = [{ name: "rec-group", pk: instance.uuid() }];
        deputy.roles = [{ name: "rec-role", pk: instance.uuid() }];
        this.addUser("viewer", ["authentik_stages_invitation.view_invitation"]);
        this.addUser("inactive", permissions).isActive = false;
        this.tokens["app_password"] = users.addToken(users.admin, { intent: "app_password" });
      },
      "auth.deputy.delete": () => {
        invitations.add({ pk: this.pkInPath("auth.deputy.delete"), name: "rec-deleted-by-deputy" });
      },
      // 16 were listed on 2024.8: eight more than the exchanges before explain. On 2026.2 there were none of these.
      "auth.viewer.list": () => {
        const listed = this.responseOf("auth.viewer.list")["pagination"] as JsonObject;
        for (let more = invitations.count; more < Number(listed["count"]); more++) {
          invitations.add({ name: `rec-unexplained-${more}`, expires: past });
        }
      },
      "invitations.retrieve.after-creator-delete": () => {
        this.authentik.removeUser("rec-deputy");
        this.removeByName(/^rec-unexplained/);
      },
      "auth.expired.not-yet": () => {
        this.tokens["expired"] = users.addToken(users.admin, {
          identifier: "rec-expired",
          expires: instance.timestamp(1),
        });
      },
      "auth.expired": () => this.advanceClock(2),
      "body.malformed": () => this.advanceClock(0),
      "method.put-on-list": () => {
        invitations.add({ pk: this.pkInPath("method.head"), name: "rec-methods", expires: farFuture });
      },
      "expiry.past.before": () => {
        invitations.add({ pk: this.pkInPath("expiry.past.before"), name: "rec-exp-past", expires: past });
        invitations.add({ pk: this.pkInPath("expiry.null.before"), name: "rec-exp-null" });
        invitations.add({ pk: this.pkInPath("expiry.omitted.before"), name: "rec-exp-omitted" });
        invitations.add({ pk: this.pkInPath("expiry.future.before"), name: "rec-exp-future", expires: farFuture });
      },
      "expiry.past.after": () => this.authentik.cleanUpExpired(),
      "consume.page": () => {
        const other = this.addFlowOf(this.responseOf("consume.wrong-flow.retrieve-after"));
        const name = "rec-consume";
        const flow = flows.add({ name, slug: name, title: name, designation: "enrollment" });
        const stage = instance.stages.add({ name });
        this.stages[name] = stage;
        instance.bindings.add({ target: flow, stage, order: 0 });
        const used = (which: string): { pk: string; name: string; expires: string; singleUse: boolean } => ({
          pk: this.pkInPath(`consume.${which}.retrieve-after`),
          name: `rec-use-${which}`,
          expires: farFuture,
          singleUse: true,
        });
        invitations.add(used("single"));
        invitations.add({ ...used("multi"), singleUse: false });
        invitations.add({ ...used("bound"), flow });
        invitations.add({ ...used("wrong-flow"), name: "rec-use-wrong", flow: other });
        invitations.add({ ...used("expired"), expires: past });
        invitations.add({ pk: used("never").pk, name: "rec-use-never" });
      },
      "consume.continue.no-token": () => {
        (this.stages["rec-consume"] as Stage).continueFlowWithoutInvitation = true;
      },
      // The 901st row is the 401st of those without an expiry of their own, counted from the newest: every other one had none.
      "bulk.list.page_size-default": () => {
        this.removeAll();
        for (let index = 0; index < 1000; index++) {
          const name = `rec-bulk-${String(index).padStart(5, "0")}`;
          invitations.add(index % 2 === 0 ? { name } : { name, expires: farFuture });
        }
      },
      "flows.delete": () => {
        flows.add({ name: "rec-flow-gone", slug: "rec-flow-gone", title: "rec-flow-gone", designation: "enrollment" });
      },
    };
  }

  private advanceClock(minutes: number): void {
    this.authentik.now = () => new Date(Date.now() + minutes * 60_000);
  }

  private addUser(role: string, permissions: string[]): ReturnType<Authentik["instance"]["users"]["add"]> {
    const { users } = this.authentik.instance;
    const user = users.add({ username: `rec-${role}`, permissions: new Set(permissions) });
    this.tokens[role] = users.addToken(user);
    return user;
  }

  private removeAll(): void {
    this.removeByName(/^/);
  }

  private removeByName(named: RegExp): void {
    const { invitations } = this.authentik.instance;
    for (const invitation of invitations.all()) if (named.test(invitation.name)) invitations.remove(invitation);
  }

  private responseOf(name: string): JsonObject {
    return this.exchange(name).responseBody as JsonObject;
  }

  private exchange(name: string): Exchange {
    const found = this.exchanges.find((exchange) => exchange.case === name);
    if (!found) throw new Error(`nothing was recorded as ${name}`);
    return found;
  }

  private pkInPath(name: string): string {
    return this.exchange(name).path.split("/").at(-2) ?? "";
  }

  /** The pks of the objects in a recorded list, by their names. */
  private listedPks(name: string): (of: string) => { pk: string; name: string } {
    const rows = this.responseOf(name)["results"] as JsonObject[];
    return (of) => ({ pk: pkOf(rows.find((row) => row["name"] === of) as JsonObject), name: of });
  }

  /** Makes the flow that a recorded invitation was for. */
  private addFlowOf(answer: Json): Flow {
    const flow = isObject(answer) ? answer["flow_obj"] : undefined;
    if (!isObject(flow)) throw new Error("a recorded invitation without a flow");
    const text = (name: string): string => String(flow[name]);
    return this.authentik.instance.flows.add({
      pk: pkOf(flow),
      policyBindingModel: text("policybindingmodel_ptr_id"),
      name: text("name"),
      slug: text("slug"),
      title: text("title"),
      designation: text("designation"),
    });
  }
}

function pkOf(object: JsonObject): string {
  return String(object["pk"]);
}
