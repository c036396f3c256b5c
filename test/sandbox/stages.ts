import { type Answer, Crash, json, refuse, unseen } from "./responses";
import type { Call } from "./call";
import { Form, notNull, pythonType, type Read, readUuid, slug, text, truth } from "./fields";
import type { Flow } from "./flows";
import { isObject, type Json, type JsonObject } from "./json";
import { byText, filter, list, type Order, order, search, searchWords } from "./lists";
import { use, ViewSet } from "./viewset";

/** What a kind of stage is called in answers. */
export interface Kind {
  component: string;
  name: string;
  model: string;
}

export const kinds = {
  invitation: {
    component: "ak-stage-invitation-form",
    name: "Invitation Stage",
    model: "authentik_stages_invitation.invitationstage",
  },
  prompt: { component: "ak-stage-prompt-form", name: "Prompt Stage", model: "authentik_stages_prompt.promptstage" },
  userWrite: {
    component: "ak-stage-user-write-form",
    name: "User Write Stage",
    model: "authentik_stages_user_write.userwritestage",
  },
  userLogin: {
    component: "ak-stage-user-login-form",
    name: "User Login Stage",
    model: "authentik_stages_user_login.userloginstage",
  },
} satisfies Record<string, Kind>;

export interface Stage {
  pk: string;
  name: string;
  /** null: a kind that no recording shows. It holds its name and its place in its flow, and that is all. */
  kind: Kind | null;
  continueFlowWithoutInvitation: boolean;
}

/** All stages of all kinds, whose names are one space (stages.create.duplicate-of-other-kind). */
export class Stages extends ViewSet<Stage> {
  protected readonly app = "authentik_stages_invitation";
  protected readonly model = "invitationstage";
  protected readonly label = "InvitationStage";
  private readonly rows = new Map<string, Stage>();
  private readonly byName = new Map<string, Stage>();

  add(stage: Partial<Stage> & { name: string }): Stage {
    const added: Stage = {
      pk: this.instance.uuid(),
      kind: kinds.invitation,
      continueFlowWithoutInvitation: false,
      ...stage,
    };
    this.rows.set(added.pk, added);
    this.byName.set(added.name, added);
    return added;
  }

  /** The flows and stages that every authentik has, as far as the recordings show them (flows.list, flows.list.designation, enroll.stage.find.*). */
  addDefaults(): void {
    const { bindings, flows } = this.instance;
    const welcome = "Welcome to authentik!";
    const authentication = flows.add({
      name: welcome,
      slug: "default-authentication-flow",
      title: welcome,
      designation: "authentication",
      isDefault: true,
    });
    const enrollment = flows.add({
      name: `${welcome} Please select a username.`,
      slug: "default-source-enrollment",
      title: `${welcome} Please select a username.`,
      designation: "enrollment",
      policies: [this.instance.uuid()],
      isDefault: true,
    });
    const password = flows.add({
      name: "Change Password",
      slug: "default-password-change",
      title: "Change password",
      designation: "stage_configuration",
      isDefault: true,
    });
    const defaults: [Flow, string, Kind | null][] = [
      [authentication, "default-authentication-identification", null],
      [authentication, "default-authentication-password", null],
      [authentication, "default-authentication-mfa-validation", null],
      [authentication, "default-authentication-login", kinds.userLogin],
      [enrollment, "default-source-enrollment-prompt", kinds.prompt],
      [enrollment, "default-source-enrollment-write", kinds.userWrite],
      [enrollment, "default-source-enrollment-login", kinds.userLogin],
      [password, "default-password-change-prompt", kinds.prompt],
    ];
    defaults.forEach(([target, name, kind], order) => {
      bindings.add({ target, stage: this.add({ name, kind }), order });
    });
  }

  /** Of any kind. */
  any(pk: string): Stage | undefined {
    return this.rows.get(pk);
  }

  all(): Iterable<Stage> {
    return this.rows.values();
  }

  /** Only invitation stages (stages.retrieve.of-other-kind). */
  find(pk: string): Stage | undefined {
    const stage = this.rows.get(pk);
    return stage?.kind === kinds.invitation ? stage : undefined;
  }

  /** As a stage of no particular kind is shown, and in bindings. */
  showPlain(stage: Stage): JsonObject {
    if (stage.kind === null) throw unseen(`the stage ${stage.name}`);
    return {
      pk: stage.pk,
      name: stage.name,
      component: stage.kind.component,
      verbose_name: stage.kind.name,
      verbose_name_plural: `${stage.kind.name}s`,
      meta_model_name: stage.kind.model,
      flow_set: this.flowSet(stage),
    };
  }

  /** As the answer to a new binding shows its stage: its kind is not looked up (bindings.create). */
  showKindless(stage: Stage): JsonObject {
    return {
      pk: stage.pk,
      name: stage.name,
      component: "",
      verbose_name: "stage",
      verbose_name_plural: "stages",
      meta_model_name: "authentik_flows.stage",
      flow_set: this.flowSet(stage),
    };
  }

  /** A flow stands in it once for every binding (stages.retrieve.bound). */
  private flowSet(stage: Stage): JsonObject[] {
    const { bindings, flows } = this.instance;
    return bindings.ofStage(stage).map((binding) => flows.showInSet(binding.target));
  }

  show(stage: Stage): JsonObject {
    return { ...this.showPlain(stage), continue_flow_without_invitation: stage.continueFlowWithoutInvitation };
  }

  ref(stage: Stage): { app: string; model: string; pk: string; name: string } {
    return { app: this.app, model: this.model, pk: stage.pk, name: stage.name };
  }

  protected list(call: Call): Answer {
    const invitationStages = Array.from(this.rows.values()).filter((row) => row.kind === kinds.invitation);
    const found = filter<Stage>(call, invitationStages, {
      name: (text) => (row) => row.name === text,
      stage_uuid: (text) => {
        const pk = readUuid(text);
        if (pk === undefined) return { errors: ["Enter a valid UUID."] };
        return (row) => row.pk === pk;
      },
      continue_flow_without_invitation: (text) => (row) => row.continueFlowWithoutInvitation === queryTruth(text),
      no_flows: (text) => (row) => (this.instance.bindings.ofStage(row).length === 0) === queryTruth(text),
    });
    const ordered = order(
      call,
      search(call, found, (row) => [row.name]),
      orders,
      "name",
    );
    // no_flows=false gives a stage once for every binding (stages.list.no_flows-false).
    const noFlows = call.parameter("no_flows");
    const repeated =
      noFlows && !queryTruth(noFlows)
        ? ordered.flatMap((row) => this.instance.bindings.ofStage(row).map(() => row))
        : ordered;
    return list(call, repeated, (row) => this.show(row));
  }

  protected create(call: Call): Answer {
    const written = this.read(call, undefined, false);
    const stage = this.add({
      name: written.name ?? "",
      continueFlowWithoutInvitation: written.continueFlowWithoutInvitation ?? false,
    });
    this.instance.events.created(call, this.ref(stage), {
      name: stage.name,
      stage_ptr: stage.pk.replaceAll("-", ""),
      stage_uuid: stage.pk.replaceAll("-", ""),
      continue_flow_without_invitation: stage.continueFlowWithoutInvitation,
    });
    return json(201, this.show(stage));
  }

  protected update(call: Call, stage: Stage, partial: boolean): Answer {
    const written = this.read(call, stage, partial);
    this.byName.delete(stage.name);
    stage.name = written.name ?? stage.name;
    this.byName.set(stage.name, stage);
    // stages.put.name-only: what is left out stays.
    stage.continueFlowWithoutInvitation = written.continueFlowWithoutInvitation ?? stage.continueFlowWithoutInvitation;
    this.instance.events.updated(call, this.ref(stage));
    return json(200, this.show(stage));
  }

  protected remove(call: Call, stage: Stage): void {
    this.rows.delete(stage.pk);
    this.byName.delete(stage.name);
    // bindings.retrieve.after-stage-delete
    this.instance.bindings.removeThoseOfStage(stage);
    this.instance.events.deleted(call, this.ref(stage));
  }

  protected usedBy(stage: Stage): JsonObject[] {
    const bindings = this.instance.bindings.ofStage(stage);
    return [
      ...bindings.map(({ target }) =>
        use("authentik_flows", "flow", target.pk, `Flow ${target.name} (${target.slug})`, "cascade_many"),
      ),
      ...bindings.map((binding) => this.instance.bindings.use(binding)),
    ];
  }

  private read(
    call: Call,
    stage: Stage | undefined,
    partial: boolean,
  ): { name?: string; continueFlowWithoutInvitation?: boolean } {
    const form = new Form(call.fields(), partial);
    const name = form.required("name", (value): Read<string> => {
      const read = text(value);
      if ("errors" in read) return read;
      const other = this.byName.get(read.value);
      return other && other !== stage ? { errors: ["stage with this name already exists."] } : read;
    });
    const flowSet = call.profile.readsFlowSet
      ? form.optional("flow_set", (value) => this.readFlowSet(call, value))
      : undefined;
    const continueFlowWithoutInvitation = form.optional("continue_flow_without_invitation", truth);
    if (form.wrong) throw refuse(400, form.errors);
    // stages.create.flow_set-empty, -new, patch.flow_set-empty: 2024.8 cannot write what it takes; nothing is saved.
    if (flowSet !== undefined) throw new Crash("a flow set cannot be written");
    return {
      ...(name === undefined ? {} : { name }),
      ...(continueFlowWithoutInvitation === undefined ? {} : { continueFlowWithoutInvitation }),
    };
  }

  /** stages.create.flow_set-* */
  private readFlowSet(call: Call, value: Json): Read<true> {
    if (value === null) return { errors: [notNull] };
    if (!Array.isArray(value)) throw unseen("a flow_set that is no list");
    const errors = value.map((item): Json => {
      if (!isObject(item)) {
        return { non_field_errors: [`Invalid data. Expected a dictionary, but got ${pythonType(item)}.`] };
      }
      const form = new Form(item, false);
      form.required("name", (name) => text(name));
      form.required("slug", (field) => {
        const read = slug(call.profile)(field);
        if ("errors" in read || !this.instance.flows.ofSlug(read.value)) return read;
        return { errors: ["Flow with this slug already exists."] };
      });
      form.required("title", (title) => text(title));
      if (!Object.hasOwn(item, "designation")) throw unseen("a flow_set without designation");
      return form.errors;
    });
    const wrong = errors.some((error) => isObject(error) && Object.keys(error).length > 0);
    return wrong ? { errors } : { value: true };
  }
}

/** Stages of all kinds under one address (stages.retrieve.through-all, enroll.stage.find.*). */
export class AllStages extends ViewSet<Stage> {
  protected readonly app = "authentik_flows";
  protected readonly model = "stage";
  protected readonly label = "Stage";
  protected override readonly allowOnList = "GET, HEAD, OPTIONS";
  protected override readonly allowOnOne = "GET, DELETE, HEAD, OPTIONS";

  find(pk: string): Stage | undefined {
    return this.instance.stages.any(pk);
  }

  show(stage: Stage): JsonObject {
    return this.instance.stages.showPlain(stage);
  }

  protected list(call: Call): Answer {
    if (searchWords(call).length > 0) throw unseen("a search through all stages");
    const found = filter<Stage>(call, this.instance.stages.all(), { name: (text) => (row) => row.name === text });
    return list(call, order(call, found, orders, "name"), (row) => this.show(row));
  }

  protected create(): Answer {
    throw unseen("a stage of no kind");
  }

  protected update(): Answer {
    throw unseen("a stage of no kind");
  }

  protected remove(): void {
    throw unseen("the deletion of a stage under stages/all");
  }

  protected usedBy(): Json {
    throw unseen("used_by under stages/all");
  }
}

function queryTruth(text: string): boolean {
  if (/^(true|1)$/i.test(text)) return true;
  if (/^(false|0)$/i.test(text)) return false;
  throw unseen(`the truth value ${JSON.stringify(text)} in a filter`);
}

const orders: Record<string, Order<Stage>> = {
  pk: byText((row) => row.pk),
  name: byText((row) => row.name),
};
