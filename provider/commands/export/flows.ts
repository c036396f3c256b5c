import { stripWhitespace } from "../../common/whitespace";
import { flow as flowObject, flowOperations } from "../../objects/flow";
import { flowStageBinding, flowStageBindingOperations } from "../../objects/flow-stage-binding";
import { invitationStage, invitationStageOperations } from "../../objects/invitation-stage";
import { Source, toStringLiteral } from "./literals";
import { toIdentifier, toLogicalName, toStageIdentifier, toUniqueNames } from "./names";
import type { ProgramWriter } from "./program-writer";
import type { FlowSnapshot, Snapshot, Stage } from "./snapshot";

export const reservedIdentifiers = ["authentik", "config", "pulumi", "readPks"];

/** Writes flows with their bindings, and each stage when the first flow needs it. The names are unique across all flows. */
export class FlowWriter {
  readonly #writer: ProgramWriter;
  readonly #stages: Snapshot["stages"];
  /** Logical names and variables, by pk. */
  readonly #names: ReadonlyMap<string, string>;
  readonly #variables: ReadonlyMap<string, string>;
  readonly #stageReferences = new Map<string, () => Source>();

  constructor({ flows, stages }: Snapshot, writer: ProgramWriter) {
    this.#writer = writer;
    this.#stages = stages;
    const allStages = [...stages.values()];
    const bindings = flows.flatMap(({ flow, bindings }) => bindings.map(({ pk, stage }) => ({ pk, flow, stage })));
    const flowVariables =
      flows.length === 1
        ? ["flow"]
        : unique(flows, ({ flow }) => toIdentifier(flow.slug, "flow"), "", reservedIdentifiers);
    const taken = [...reservedIdentifiers, ...flowVariables];
    const stageNames = byPk(
      allStages,
      unique(allStages, ({ name }) => toLogicalName(name, "stage")),
    );
    // Only the pk is known of a stage that the token's user is not allowed to view.
    const bindingNames = unique(bindings, ({ flow, stage }) => `${flow.slug}-${stageNames.get(stage) ?? stage}`);
    this.#names = new Map([...stageNames, ...byPk(bindings, bindingNames)]);
    this.#variables = new Map([
      ...byPk(
        allStages,
        unique(allStages, ({ name }) => toStageIdentifier(name), "", taken),
      ),
      ...byPk(
        flows.map(({ flow }) => flow),
        flowVariables,
      ),
    ]);
  }

  /** Declares a flow, or only refers to it if the resource does not support it. Returns a reference to it. */
  async write({ flow, bindings }: FlowSnapshot): Promise<() => Source> {
    const { pk, slug } = flow;
    const variable = this.#variables.get(pk) ?? "";
    const label = `The flow ${toStringLiteral(slug)} is referenced, but not managed`;
    const isManaged = await this.#writer.existing(flowObject, flowOperations, {
      name: slug,
      stored: flow,
      variable,
      label,
    });
    if (!isManaged) this.#writer.variable(variable, `{ id: ${toStringLiteral(pk)} }`);
    for (const { stage } of bindings) {
      const stored = this.#stages.get(stage);
      if (stored && !this.#stageReferences.has(stage)) this.#stageReferences.set(stage, await this.#writeStage(stored));
    }
    for (const { stage, ...stored } of bindings) {
      await this.#writer.existing(flowStageBinding, flowStageBindingOperations, {
        name: this.#names.get(stored.pk) ?? "",
        stored: { ...stored, stage },
        references: {
          target: this.#writer.reference(variable, "id"),
          stage: this.#stageReferences.get(stage)?.() ?? new Source(toStringLiteral(stage)),
        },
        label: `The binding ${toStringLiteral(stored.pk)}`,
      });
    }
    return () => this.#writer.reference(variable, "id");
  }

  async #writeStage(stored: Stage): Promise<() => Source> {
    const variable = this.#variables.get(stored.pk) ?? "";
    const pk = (): Source => new Source(toStringLiteral(stored.pk));
    if (!("continueFlowWithoutInvitation" in stored)) {
      if (stripWhitespace(stored.name) === "") return pk;
      this.#writer.stageLookup(variable, stored.name);
      return () => this.#writer.reference(variable, "pk");
    }
    const name = this.#names.get(stored.pk) ?? "";
    const label = `The invitation stage ${toStringLiteral(stored.name)} is referenced, but not managed`;
    const stage = { name, stored, variable, label };
    const isManaged = await this.#writer.existing(invitationStage, invitationStageOperations, stage);
    return isManaged ? () => this.#writer.reference(variable, "id") : pk;
  }
}

function unique<T>(
  items: readonly T[],
  toName: (item: T) => string,
  separator = "-",
  taken: readonly string[] = [],
): string[] {
  return toUniqueNames(items.map(toName), separator, taken);
}

function byPk(items: readonly { readonly pk: string }[], values: readonly string[]): Map<string, string> {
  return new Map(items.map(({ pk }, index) => [pk, values[index] ?? ""]));
}
