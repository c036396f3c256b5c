import type { Authentik } from "../../sandbox";
import type { Flow } from "../../sandbox/flows";
import { isObject, type Json, type JsonObject } from "../../sandbox/json";
import type { Stage } from "../../sandbox/stages";
import type { Exchange, RecordingName } from "./recordings";

const farFuture = "2031-05-06T07:08:09.000000Z";
const past = "2001-02-03T04:05:06.000000Z";

/** Reproduces changes that were made between recorded requests but not recorded, as inferred from later exchanges. */
export class RecordingSetup {
  /** Keyed by the name that the recording uses. */
  readonly tokens: Record<string, string>;
  private readonly stages: Record<string, Stage> = {};

  constructor(
    private readonly authentik: Authentik,
    private readonly exchanges: readonly Exchange[],
  ) {
    this.tokens = { admin: authentik.token, bad: "not-a-token" };
  }

  /** The changes to make before a case, keyed by case. */
  steps(recording: RecordingName): Record<string, () => unknown> {
    const { instance } = this.authentik;
    const { events, invitations, flows, users } = instance;
    if (recording === "events") {
      return {
        "events.swept.search-hex": () => this.authentik.cleanUpExpired(),
      };
    }
    if (recording === "enrollment") return {};
    if (recording === "field") {
      return {
        "field.invitation.create-microseconds": () => {
          const { created_by } = this.responseOf("field.invitation.create-microseconds") as { created_by: JsonObject };
          users.admin.email = String(created_by["email"]);
          users.admin.lastLogin = String(created_by["last_login"]);
          // 2026.5 had sent four emails before.
          for (let count = 0; count < 4; count++) events.logEmailSent({ to: "", subject: "", body: "" });
        },
      };
    }
    if (recording === "email") {
      return {
        "email.flow.create": () => {
          const view = "authentik_stages_invitation.view_invitation";
          this.addUser("writer", [view, "authentik_stages_invitation.add_invitation"]);
          this.addUser("reader", [view]);
        },
      };
    }
    return {
      "invitations.create.expires.omitted-with-other-default": () => {
        instance.defaultTokenMinutes = 120;
      },
      "invitations.create.single_use.true": () => {
        instance.defaultTokenMinutes = 30;
      },
      // There was one flow of each designation.
      "invitations.create.flow.designation-authentication": () => {
        for (const exchange of this.exchanges) {
          if (exchange.case.startsWith("invitations.create.flow.designation-")) this.addFlowOf(exchange.responseBody);
        }
      },
      "invitations.retrieve.flow-renamed": () => {
        const invitation = this.responseOf("invitations.retrieve.flow-renamed");
        const flow = this.addFlowOf(invitation);
        invitations.add({ pk: pkOf(invitation), name: "rec-flow-doomed", expires: farFuture, flow });
      },
      "invitations.retrieve.flow-deleted": () => {
        const flow = flows.findBySlug("rec-flow-renamed") as Flow;
        return this.authentik.request("DELETE", `/api/v3/flows/instances/${flow.slug}/`);
      },
      "invitations.list.all": () => {
        this.removeAll();
        const listed = this.listedObjects("invitations.list.all");
        const flow = flows.findBySlug("rec-flow") ?? null;
        const newYear = "2031-01-01T00:00:00.000000Z";
        invitations.add({ ...listed("rec-l-a"), expires: newYear, flow });
        invitations.add(listed("rec-l-b"));
        invitations.add({ ...listed("rec-l-c"), expires: "2030-01-01T00:00:00.000000Z" });
        invitations.add({ ...listed("rec-l-d"), expires: newYear });
        invitations.add({ ...listed("rec-l-e"), expires: past });
        invitations.add({ ...listed("rec-l-f"), singleUse: true });
      },
      "auth.none.list": () => {
        invitations.add({ pk: this.pkInPath("auth.none.retrieve"), name: "rec-access", expires: farFuture });
        const actions = ["add", "view", "change", "delete"];
        const permissions = [
          ...actions.map((action) => `authentik_stages_invitation.${action}_invitation`),
          ...actions.map((action) => `authentik_stages_invitation.${action}_invitationstage`),
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
      // 2024.8 listed 16 invitations, eight more than the previous exchanges explain. 2026.2 listed no unexplained ones.
      "auth.viewer.list": () => {
        const pagination = this.responseOf("auth.viewer.list")["pagination"] as JsonObject;
        for (let count = invitations.count; count < Number(pagination["count"]); count++) {
          invitations.add({ name: `rec-unexplained-${count}`, expires: past });
        }
      },
      "invitations.retrieve.after-creator-delete": () => {
        this.authentik.removeUser("rec-deputy");
        this.removeByName(/^rec-unexplained/);
      },
      "auth.expired.not-yet": () => {
        this.tokens["expired"] = users.addToken(users.admin, { expires: instance.timestamp(1) });
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
        const otherFlow = this.addFlowOf(this.responseOf("consume.wrong-flow.retrieve-after"));
        const name = "rec-consume";
        const flow = flows.add({ name, slug: name, title: name, designation: "enrollment" });
        const stage = instance.stages.add({ name });
        this.stages[name] = stage;
        instance.bindings.add({ target: flow, stage, order: 0 });
        const usableInvitation = (
          suffix: string,
        ): { pk: string; name: string; expires: string; singleUse: boolean } => ({
          pk: this.pkInPath(`consume.${suffix}.retrieve-after`),
          name: `rec-use-${suffix}`,
          expires: farFuture,
          singleUse: true,
        });
        invitations.add(usableInvitation("single"));
        invitations.add({ ...usableInvitation("multi"), singleUse: false });
        invitations.add({ ...usableInvitation("bound"), flow });
        invitations.add({ ...usableInvitation("wrong-flow"), name: "rec-use-wrong", flow: otherFlow });
        invitations.add({ ...usableInvitation("expired"), expires: past });
        invitations.add({ pk: usableInvitation("never").pk, name: "rec-use-never" });
      },
      "consume.continue.no-token": () => {
        (this.stages["rec-consume"] as Stage).continueFlowWithoutInvitation = true;
      },
      // Every other invitation had the default expiry. Of these, row 901 of the list is the 401st, newest first.
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

  private removeByName(pattern: RegExp): void {
    const { invitations } = this.authentik.instance;
    for (const invitation of invitations.all()) if (pattern.test(invitation.name)) invitations.remove(invitation);
  }

  private responseOf(caseName: string): JsonObject {
    return this.findExchange(caseName).responseBody as JsonObject;
  }

  private findExchange(caseName: string): Exchange {
    const exchange = this.exchanges.find((candidate) => candidate.case === caseName);
    if (!exchange) throw new Error(`no recorded case is named ${caseName}`);
    return exchange;
  }

  private pkInPath(caseName: string): string {
    return this.findExchange(caseName).path.split("/").at(-2) ?? "";
  }

  /** Returns a function from a name to the pk and name of that object in a recorded list. */
  private listedObjects(caseName: string): (name: string) => { pk: string; name: string } {
    const rows = this.responseOf(caseName)["results"] as JsonObject[];
    return (name) => ({ pk: pkOf(rows.find((row) => row["name"] === name) as JsonObject), name });
  }

  /** Adds the flow of a recorded invitation. */
  private addFlowOf(invitation: Json): Flow {
    const flow = isObject(invitation) ? invitation["flow_obj"] : undefined;
    if (!isObject(flow)) throw new Error("the recorded invitation has no flow");
    const field = (name: string): string => String(flow[name]);
    return this.authentik.instance.flows.add({
      pk: pkOf(flow),
      policyBindingModel: field("policybindingmodel_ptr_id"),
      name: field("name"),
      slug: field("slug"),
      title: field("title"),
      designation: field("designation"),
    });
  }
}

function pkOf(object: JsonObject): string {
  return String(object["pk"]);
}
