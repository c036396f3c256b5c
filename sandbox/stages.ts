import { booleanField, charField, type FieldResult, parseUuid, Serializer } from "./fields";
import type { Flow } from "./flows";
import type { JsonObject } from "./json";
import { byString, type Comparator, filterRows, orderRows, paginate, searchRows, searchTerms } from "./lists";
import type { ApiRequest } from "./request";
import { apiError, type HttpResponse, json, notRecorded, ServerCrash } from "./responses";
import { ViewSet } from "./viewset";

/** How responses name a type of stage. */
interface StageType {
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
  /** null for a type that no recording shows. Such a stage only reserves its name and its place in its flow. */
  type: StageType | null;
  continueFlowWithoutInvitation: boolean;
}

/** Invitation stages. Stores all stages, because names are unique across types (stages.create.duplicate-of-other-kind). */
export class Stages extends ViewSet<Stage> {
  protected readonly app = "authentik_stages_invitation";
  protected readonly model = "invitationstage";
  protected readonly label = "InvitationStage";
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

  /** Adds the default flows and stages that the recordings show (flows.list, flows.list.designation, enroll.stage.find.*). */
  addDefaults(): void {
    const { bindings, flows } = this.instance;
    const welcome = "Welcome to authentik!";
    const authentication = flows.add({
      name: welcome,
      slug: "default-authentication-flow",
      title: welcome,
      designation: "authentication",
    });
    const enrollment = flows.add({
      name: `${welcome} Please select a username.`,
      slug: "default-source-enrollment",
      title: `${welcome} Please select a username.`,
      designation: "enrollment",
      policies: [this.instance.uuid()],
    });
    const password = flows.add({
      name: "Change Password",
      slug: "default-password-change",
      title: "Change password",
      designation: "stage_configuration",
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
    defaults.forEach(([target, name, type], order) => {
      bindings.add({ target, stage: this.add({ name, type }), order });
    });
  }

  /** A stage of any type. */
  findOfAnyType(pk: string): Stage | undefined {
    return this.rows.get(pk);
  }

  /** An invitation stage. Stages of other types are not found (stages.retrieve.of-other-kind). */
  override find(pk: string): Stage | undefined {
    const stage = this.rows.get(pk);
    return stage?.type === stageTypes.invitation ? stage : undefined;
  }

  /** The fields that stages of all types have, in `stages/all` and in bindings. */
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

  /** The `stage_obj` in the response to writing a binding: authentik does not look up the stage's type (bindings.create). */
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

  /** Lists a flow once per binding (stages.retrieve.bound). */
  private flowSet(stage: Stage): JsonObject[] {
    const { bindings, flows } = this.instance;
    return bindings.findByStage(stage).map((binding) => flows.serializeInFlowSet(binding.target));
  }

  serialize(stage: Stage): JsonObject {
    return { ...this.serializeBase(stage), continue_flow_without_invitation: stage.continueFlowWithoutInvitation };
  }

  protected list(request: ApiRequest): HttpResponse {
    const invitationStages = this.all().filter((row) => row.type === stageTypes.invitation);
    const filtered = filterRows<Stage>(request, invitationStages, {
      name: (value) => (row) => row.name === value,
      stage_uuid: (value) => {
        const pk = parseUuid(value);
        if (pk === undefined) return { errors: ["Enter a valid UUID."] };
        return (row) => row.pk === pk;
      },
      continue_flow_without_invitation: (value) => (row) =>
        row.continueFlowWithoutInvitation === parseQueryBoolean(value),
      no_flows: (value) => (row) => (this.instance.bindings.findByStage(row).length === 0) === parseQueryBoolean(value),
    });
    const ordered = orderRows(
      request,
      searchRows(request, filtered, (row) => [row.name]),
      comparators,
      "name",
    );
    // no_flows=false lists a stage once per binding (stages.list.no_flows-false).
    const noFlows = request.parameter("no_flows");
    const repeated =
      noFlows && !parseQueryBoolean(noFlows)
        ? ordered.flatMap((row) => this.instance.bindings.findByStage(row).map(() => row))
        : ordered;
    return paginate(request, repeated, (row) => this.serialize(row));
  }

  protected create(request: ApiRequest): HttpResponse {
    const validated = this.validate(request, undefined, false);
    const stage = this.add({
      name: validated.name ?? "",
      continueFlowWithoutInvitation: validated.continueFlowWithoutInvitation ?? false,
    });
    this.instance.events.logCreated(request, this.toReference(stage), {
      name: stage.name,
      stage_ptr: stage.pk.replaceAll("-", ""),
      stage_uuid: stage.pk.replaceAll("-", ""),
      continue_flow_without_invitation: stage.continueFlowWithoutInvitation,
    });
    return json(201, this.serialize(stage));
  }

  protected update(request: ApiRequest, stage: Stage, partial: boolean): HttpResponse {
    const validated = this.validate(request, stage, partial);
    this.byName.delete(stage.name);
    stage.name = validated.name ?? stage.name;
    this.byName.set(stage.name, stage);
    // stages.put.name-only: PUT keeps omitted fields.
    stage.continueFlowWithoutInvitation =
      validated.continueFlowWithoutInvitation ?? stage.continueFlowWithoutInvitation;
    this.instance.events.logUpdated(request, this.toReference(stage));
    return json(200, this.serialize(stage));
  }

  protected destroy(request: ApiRequest, stage: Stage): void {
    this.rows.delete(stage.pk);
    this.byName.delete(stage.name);
    // bindings.retrieve.after-stage-delete
    this.instance.bindings.removeByStage(stage);
    this.instance.events.logDeleted(request, this.toReference(stage));
  }

  private validate(
    request: ApiRequest,
    stage: Stage | undefined,
    partial: boolean,
  ): { name?: string; continueFlowWithoutInvitation?: boolean } {
    const fields = request.bodyFields();
    const serializer = new Serializer(fields, partial);
    const name = serializer.required("name", (value): FieldResult<string> => {
      const result = charField(value);
      if ("errors" in result) return result;
      const other = this.byName.get(result.value);
      return other && other !== stage ? { errors: ["stage with this name already exists."] } : result;
    });
    const continueFlowWithoutInvitation = serializer.optional("continue_flow_without_invitation", booleanField);
    if (serializer.hasErrors) throw apiError(400, serializer.errors);
    const flowSet = request.behavior.crashesOnFlowSet ? fields["flow_set"] : undefined;
    if (Array.isArray(flowSet) && flowSet.length === 0) throw new ServerCrash("flow_set is not writable");
    if (flowSet !== undefined) throw notRecorded("a flow_set that is not an empty list");
    return {
      ...(name === undefined ? {} : { name }),
      ...(continueFlowWithoutInvitation === undefined ? {} : { continueFlowWithoutInvitation }),
    };
  }
}

/** `stages/all`: stages of all types (stages.retrieve.through-all, enroll.stage.find.*). */
export class AllStages extends ViewSet<Stage> {
  protected readonly app = "authentik_flows";
  protected readonly model = "stage";
  protected readonly label = "Stage";
  protected override readonly allowedOnList = "GET, HEAD, OPTIONS";
  protected override readonly allowedOnDetail = "GET, DELETE, HEAD, OPTIONS";

  override find(pk: string): Stage | undefined {
    return this.instance.stages.findOfAnyType(pk);
  }

  serialize(stage: Stage): JsonObject {
    return this.instance.stages.serializeBase(stage);
  }

  protected list(request: ApiRequest): HttpResponse {
    if (searchTerms(request).length > 0) throw notRecorded("a search in all stages");
    const filtered = filterRows<Stage>(request, this.instance.stages.all(), {
      name: (value) => (row) => row.name === value,
    });
    return paginate(request, orderRows(request, filtered, comparators, "name"), (row) => this.serialize(row));
  }

  protected create(): HttpResponse {
    throw notRecorded("a write to stages/all");
  }

  protected update(): HttpResponse {
    throw notRecorded("a write to stages/all");
  }

  protected destroy(): void {
    throw notRecorded("the deletion of a stage through stages/all");
  }
}

function parseQueryBoolean(value: string): boolean {
  if (/^(true|1)$/i.test(value)) return true;
  if (/^(false|0)$/i.test(value)) return false;
  throw notRecorded(`the boolean ${JSON.stringify(value)} in a filter`);
}

const comparators: Record<string, Comparator<Stage>> = {
  pk: byString((row) => row.pk),
  name: byString((row) => row.name),
};
