import {
  booleanField,
  charField,
  type FieldResult,
  nullError,
  parseUuid,
  pythonTypeName,
  Serializer,
  slugField,
} from "./fields";
import type { Flow } from "./flows";
import { isObject, type Json, type JsonObject } from "./json";
import { byString, type Comparator, filterRows, orderRows, paginate, searchRows, searchTerms } from "./lists";
import type { ApiRequest } from "./request";
import { apiError, type HttpResponse, json, notRecorded, ServerCrash } from "./responses";
import { usedByEntry, ViewSet } from "./viewset";

/** What a kind of stage is called in answers. */
export interface StageType {
  component: string;
  verboseName: string;
  metaModelName: string;
}

export const stageTypes = {
  invitation: {
    component: "ak-stage-invitation-form",
    verboseName: "Invitation Stage",
    metaModelName: "authentik_stages_invitation.invitationstage",
  },
  prompt: {
    component: "ak-stage-prompt-form",
    verboseName: "Prompt Stage",
    metaModelName: "authentik_stages_prompt.promptstage",
  },
  userWrite: {
    component: "ak-stage-user-write-form",
    verboseName: "User Write Stage",
    metaModelName: "authentik_stages_user_write.userwritestage",
  },
  userLogin: {
    component: "ak-stage-user-login-form",
    verboseName: "User Login Stage",
    metaModelName: "authentik_stages_user_login.userloginstage",
  },
} satisfies Record<string, StageType>;

export interface Stage {
  pk: string;
  name: string;
  /** null: a kind that no recording shows. It holds its name and its place in its flow, and that is all. */
  type: StageType | null;
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
      type: stageTypes.invitation,
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
    const defaults: [Flow, string, StageType | null][] = [
      [authentication, "default-authentication-identification", null],
      [authentication, "default-authentication-password", null],
      [authentication, "default-authentication-mfa-validation", null],
      [authentication, "default-authentication-login", stageTypes.userLogin],
      [enrollment, "default-source-enrollment-prompt", stageTypes.prompt],
      [enrollment, "default-source-enrollment-write", stageTypes.userWrite],
      [enrollment, "default-source-enrollment-login", stageTypes.userLogin],
      [password, "default-password-change-prompt", stageTypes.prompt],
    ];
    defaults.forEach(([target, name, kind], order) => {
      bindings.add({ target, stage: this.add({ name, type: kind }), order });
    });
  }

  /** Of any kind. */
  findAnyType(pk: string): Stage | undefined {
    return this.rows.get(pk);
  }

  all(): Iterable<Stage> {
    return this.rows.values();
  }

  /** Only invitation stages (stages.retrieve.of-other-kind). */
  find(pk: string): Stage | undefined {
    const stage = this.rows.get(pk);
    return stage?.type === stageTypes.invitation ? stage : undefined;
  }

  /** As a stage of no particular kind is shown, and in bindings. */
  serializeBase(stage: Stage): JsonObject {
    if (stage.type === null) throw notRecorded(`the stage ${stage.name}`);
    return {
      pk: stage.pk,
      name: stage.name,
      component: stage.type.component,
      verbose_name: stage.type.verboseName,
      verbose_name_plural: `${stage.type.verboseName}s`,
      meta_model_name: stage.type.metaModelName,
      flow_set: this.flowSet(stage),
    };
  }

  /** As the answer to a new binding shows its stage: its kind is not looked up (bindings.create). */
  serializeUntyped(stage: Stage): JsonObject {
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
    return bindings.findByStage(stage).map((binding) => flows.serializeInFlowSet(binding.target));
  }

  serialize(stage: Stage): JsonObject {
    return { ...this.serializeBase(stage), continue_flow_without_invitation: stage.continueFlowWithoutInvitation };
  }

  toReference(stage: Stage): { app: string; model: string; pk: string; name: string } {
    return { app: this.app, model: this.model, pk: stage.pk, name: stage.name };
  }

  protected list(call: ApiRequest): HttpResponse {
    const invitationStages = Array.from(this.rows.values()).filter((row) => row.type === stageTypes.invitation);
    const found = filterRows<Stage>(call, invitationStages, {
      name: (text) => (row) => row.name === text,
      stage_uuid: (text) => {
        const pk = parseUuid(text);
        if (pk === undefined) return { errors: ["Enter a valid UUID."] };
        return (row) => row.pk === pk;
      },
      continue_flow_without_invitation: (text) => (row) =>
        row.continueFlowWithoutInvitation === parseQueryBoolean(text),
      no_flows: (text) => (row) => (this.instance.bindings.findByStage(row).length === 0) === parseQueryBoolean(text),
    });
    const ordered = orderRows(
      call,
      searchRows(call, found, (row) => [row.name]),
      comparators,
      "name",
    );
    // no_flows=false gives a stage once for every binding (stages.list.no_flows-false).
    const noFlows = call.parameter("no_flows");
    const repeated =
      noFlows && !parseQueryBoolean(noFlows)
        ? ordered.flatMap((row) => this.instance.bindings.findByStage(row).map(() => row))
        : ordered;
    return paginate(call, repeated, (row) => this.serialize(row));
  }

  protected create(call: ApiRequest): HttpResponse {
    const written = this.validate(call, undefined, false);
    const stage = this.add({
      name: written.name ?? "",
      continueFlowWithoutInvitation: written.continueFlowWithoutInvitation ?? false,
    });
    this.instance.events.logCreated(call, this.toReference(stage), {
      name: stage.name,
      stage_ptr: stage.pk.replaceAll("-", ""),
      stage_uuid: stage.pk.replaceAll("-", ""),
      continue_flow_without_invitation: stage.continueFlowWithoutInvitation,
    });
    return json(201, this.serialize(stage));
  }

  protected update(call: ApiRequest, stage: Stage, partial: boolean): HttpResponse {
    const written = this.validate(call, stage, partial);
    this.byName.delete(stage.name);
    stage.name = written.name ?? stage.name;
    this.byName.set(stage.name, stage);
    // stages.put.name-only: what is left out stays.
    stage.continueFlowWithoutInvitation = written.continueFlowWithoutInvitation ?? stage.continueFlowWithoutInvitation;
    this.instance.events.logUpdated(call, this.toReference(stage));
    return json(200, this.serialize(stage));
  }

  protected destroy(call: ApiRequest, stage: Stage): void {
    this.rows.delete(stage.pk);
    this.byName.delete(stage.name);
    // bindings.retrieve.after-stage-delete
    this.instance.bindings.removeByStage(stage);
    this.instance.events.logDeleted(call, this.toReference(stage));
  }

  protected usedBy(stage: Stage): JsonObject[] {
    const bindings = this.instance.bindings.findByStage(stage);
    return [
      ...bindings.map(({ target }) =>
        usedByEntry("authentik_flows", "flow", target.pk, `Flow ${target.name} (${target.slug})`, "cascade_many"),
      ),
      ...bindings.map((binding) => this.instance.bindings.usedByEntry(binding)),
    ];
  }

  private validate(
    call: ApiRequest,
    stage: Stage | undefined,
    partial: boolean,
  ): { name?: string; continueFlowWithoutInvitation?: boolean } {
    const form = new Serializer(call.bodyFields(), partial);
    const name = form.required("name", (value): FieldResult<string> => {
      const read = charField(value);
      if ("errors" in read) return read;
      const other = this.byName.get(read.value);
      return other && other !== stage ? { errors: ["stage with this name already exists."] } : read;
    });
    const flowSet = call.behavior.validatesFlowSet
      ? form.optional("flow_set", (value) => this.validateFlowSet(call, value))
      : undefined;
    const continueFlowWithoutInvitation = form.optional("continue_flow_without_invitation", booleanField);
    if (form.hasErrors) throw apiError(400, form.errors);
    // stages.create.flow_set-empty, -new, patch.flow_set-empty: 2024.8 cannot write what it takes; nothing is saved.
    if (flowSet !== undefined) throw new ServerCrash("a flow set cannot be written");
    return {
      ...(name === undefined ? {} : { name }),
      ...(continueFlowWithoutInvitation === undefined ? {} : { continueFlowWithoutInvitation }),
    };
  }

  /** stages.create.flow_set-* */
  private validateFlowSet(call: ApiRequest, value: Json): FieldResult<true> {
    if (value === null) return { errors: [nullError] };
    if (!Array.isArray(value)) throw notRecorded("a flow_set that is no list");
    const errors = value.map((item): Json => {
      if (!isObject(item)) {
        return { non_field_errors: [`Invalid data. Expected a dictionary, but got ${pythonTypeName(item)}.`] };
      }
      const form = new Serializer(item, false);
      form.required("name", (name) => charField(name));
      form.required("slug", (field) => {
        const read = slugField(call.behavior)(field);
        if ("errors" in read || !this.instance.flows.ofSlug(read.value)) return read;
        return { errors: ["Flow with this slug already exists."] };
      });
      form.required("title", (title) => charField(title));
      if (!Object.hasOwn(item, "designation")) throw notRecorded("a flow_set without designation");
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
  protected override readonly allowedOnList = "GET, HEAD, OPTIONS";
  protected override readonly allowedOnDetail = "GET, DELETE, HEAD, OPTIONS";

  find(pk: string): Stage | undefined {
    return this.instance.stages.findAnyType(pk);
  }

  serialize(stage: Stage): JsonObject {
    return this.instance.stages.serializeBase(stage);
  }

  protected list(call: ApiRequest): HttpResponse {
    if (searchTerms(call).length > 0) throw notRecorded("a search through all stages");
    const found = filterRows<Stage>(call, this.instance.stages.all(), { name: (text) => (row) => row.name === text });
    return paginate(call, orderRows(call, found, comparators, "name"), (row) => this.serialize(row));
  }

  protected create(): HttpResponse {
    throw notRecorded("a stage of no kind");
  }

  protected update(): HttpResponse {
    throw notRecorded("a stage of no kind");
  }

  protected destroy(): void {
    throw notRecorded("the deletion of a stage under stages/all");
  }

  protected usedBy(): Json {
    throw notRecorded("used_by under stages/all");
  }
}

function parseQueryBoolean(text: string): boolean {
  if (/^(true|1)$/i.test(text)) return true;
  if (/^(false|0)$/i.test(text)) return false;
  throw notRecorded(`the truth value ${JSON.stringify(text)} in a filter`);
}

const comparators: Record<string, Comparator<Stage>> = {
  pk: byString((row) => row.pk),
  name: byString((row) => row.name),
};
