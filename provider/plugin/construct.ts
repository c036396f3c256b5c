import { type ConstructRequest, ConstructResponse } from "@pulumi/pulumi/proto/provider_pb";
import {
  bindingNames,
  defaultStages,
  enrollmentFlow,
  enrollmentInputError,
  invitationStageName,
  orderOf,
} from "../common/enrollment";
import { normalizeUuid } from "../common/pk";
import { unknownValue } from "../common/reserved-strings";
import { connect } from "../lifecycle/connections";
import { UserError } from "../lifecycle/user-error";
import { getFlow } from "../objects/flow";
import { lookupKey } from "../objects/lookup";
import { lookUpEnrollmentStages } from "../objects/stage";
import { isKnownString, withoutUndefined } from "../values/properties";
import { toSecret } from "../values/secrets";
import { Monitor } from "./monitor";
import { componentType, inputNamesOf } from "./schema";
import { markSecretInputs } from "./secrets";
import { type Decoded, decodeStruct, encodeStruct } from "./struct";

/** Creates the resources of an `InviteOnlyEnrollment`, as the component does in a program in TypeScript. */
export async function constructEnrollment(request: ConstructRequest): Promise<ConstructResponse> {
  if (request.getType() !== componentType) throw new UserError(`Unknown component type ${request.getType()}.`);
  const monitor = new Monitor(request);
  try {
    return await new Enrollment(request, monitor).construct();
  } finally {
    monitor.close();
  }
}

/** A flow or stage: its pk, and the resources that it depends on. */
interface Reference {
  readonly pk: unknown;
  readonly dependencies: readonly string[];
}

class Enrollment {
  readonly #request: ConstructRequest;
  readonly #monitor: Monitor;
  readonly #name: string;
  readonly #component: string;
  readonly #decoded: Decoded;
  readonly #inputs: Record<string, unknown>;

  constructor(request: ConstructRequest, monitor: Monitor) {
    this.#request = request;
    this.#monitor = monitor;
    this.#name = request.getName();
    this.#component = `InviteOnlyEnrollment "${this.#name}"`;
    this.#decoded = decodeStruct(request.getInputs());
    this.#inputs = withoutUndefined(this.#decoded.properties);
  }

  async construct(): Promise<ConstructResponse> {
    const error = enrollmentInputError(this.#component, this.#inputs, inputNamesOf(componentType));
    if (error !== undefined) throw new UserError(error);
    // Before anything is registered, so that what does not exist is reported at preview.
    const [existingFlow, stages] = await Promise.all([this.#findFlow(), this.#findStages()]);
    const urn = await this.#monitor.registerComponent("authentik:index:InviteOnlyEnrollment");
    const [flow, invitationStage] = await Promise.all([existingFlow ?? this.#createFlow(), this.#createStage()]);
    await Promise.all([
      this.#bind(invitationStageName(this.#name), flow, invitationStage, 0),
      ...stages.map(({ name, ...stage }, index) => this.#bind(name, flow, stage, orderOf(index))),
    ]);
    const outputs = { slug: flow.slug, flow: flow.pk, invitationStage: invitationStage.pk };
    await this.#monitor.registerOutputs(outputs);
    const response = new ConstructResponse().setUrn(urn).setState(encodeStruct(outputs));
    const dependencies = { slug: flow, flow, invitationStage };
    for (const [output, { dependencies: urns }] of Object.entries(dependencies)) {
      const list = new ConstructResponse.PropertyDependencies().setUrnsList([...urns]);
      response.getStatedependenciesMap().set(output, list);
    }
    return response;
  }

  /** The URNs of the resources that an input depends on. The engine does not count resources that are passed as such. */
  #dependenciesOf(input: string): readonly string[] {
    const references = this.#decoded.references.filter(({ path: [name] }) => name === input).map(({ urn }) => urn);
    return [...(this.#request.getInputdependenciesMap().get(input)?.getUrnsList() ?? []), ...references];
  }

  /** The existing flow that the program names. */
  async #findFlow(): Promise<(Reference & { readonly slug: unknown }) | undefined> {
    const { flow } = this.#inputs;
    if (flow === undefined) return undefined;
    const dependencies = this.#dependenciesOf("flow");
    if (flow === unknownValue) return { pk: unknownValue, slug: unknownValue, dependencies };
    const args = normalizeUuid(String(flow)) === undefined ? { slug: String(flow) } : { pk: String(flow) };
    const connection = connect();
    const found = await connection
      .cached(lookupKey(getFlow, args), () => getFlow.run(connection, args))
      .catch((error: unknown) => {
        // A resource of the program that the preview creates.
        const isCreated = this.#request.getDryrun() && dependencies.length > 0 && error instanceof UserError;
        if (isCreated) return { pk: unknownValue, slug: flow };
        throw error;
      });
    return { pk: this.#markDerived("flow", found.pk), slug: this.#markDerived("flow", found.slug), dependencies };
  }

  async #createFlow(): Promise<Reference & { readonly slug: unknown }> {
    const { slug = this.#name, title } = this.#inputs;
    const secrets = this.#decoded.secrets.filter(([input]) => input === "slug" || input === "title");
    const inputs = markSecretInputs({ slug, title }, secrets);
    const flow = await this.#monitor.register("Flow", this.#name, enrollmentFlow(inputs["slug"], inputs["title"]), {
      slug: this.#dependenciesOf("slug"),
      name: this.#dependenciesOf("slug"),
      title: this.#dependenciesOf("title"),
    });
    const registered = this.#markDerived("slug", flow.outputs["slug"] ?? unknownValue);
    return { pk: flow.id, slug: registered, dependencies: [flow.urn] };
  }

  async #createStage(): Promise<Reference> {
    const stage = await this.#monitor.register("InvitationStage", invitationStageName(this.#name), {}, {});
    return { pk: stage.id, dependencies: [stage.urn] };
  }

  /** The stages after the invitation stage, and the names of their bindings. None if a preview does not know the list. */
  async #findStages(): Promise<(Reference & { readonly name: string })[]> {
    const { stages = defaultStages } = this.#inputs;
    if (stages === unknownValue) return [];
    if (!Array.isArray(stages)) throw new UserError(`${this.#component}: stages must be a list of names or UUIDs.`);
    const isName = (stage: unknown): stage is string => isKnownString(stage) && normalizeUuid(stage) === undefined;
    const pks = await lookUpEnrollmentStages(connect(), this.#component, stages.filter(isName));
    const isOutput = (index: number): boolean =>
      this.#decoded.outputs.some(([input, item]) => input === "stages" && item === String(index));
    const names = bindingNames(
      this.#name,
      stages.map((stage: unknown, index) => (isKnownString(stage) && !isOutput(index) ? stage : undefined)),
    );
    return stages.map((stage: unknown, index) => ({
      name: names[index] as string,
      pk: isName(stage) ? pks[stage] : stage,
      dependencies: this.#dependenciesOf("stages"),
    }));
  }

  async #bind(name: string, target: Reference, stage: Reference, order: number): Promise<void> {
    const inputs = { target: target.pk, stage: stage.pk, order };
    const dependencies = { target: target.dependencies, stage: stage.dependencies };
    await this.#monitor.register("FlowStageBinding", name, inputs, dependencies);
  }

  /** An output that repeats or reveals an input is as secret as the input. */
  #markDerived(input: string, output: unknown): unknown {
    return this.#decoded.secrets.some(([name]) => name === input) ? toSecret(output) : output;
  }
}
