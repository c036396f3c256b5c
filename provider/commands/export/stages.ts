import { stripWhitespace } from "../../common/whitespace";
import type { StoredInvitationStage } from "../../objects/invitation-stage";
import { invitationStage, invitationStageProvider } from "../../objects/invitation-stage";
import type { StoredStage } from "../../objects/stage";
import { pick } from "../../values/properties";
import { Source, toStringLiteral } from "./literals";
import { toLogicalName, toStageIdentifier, toUniqueNames } from "./names";
import { type ProgramWriter, Variable } from "./program-writer";
import { omitDefaults, validationError } from "./validation";

/** Declares stages when the first flow needs them. */
export class StageWriter {
  readonly #writer: ProgramWriter;
  readonly #stages: ReadonlyMap<string, StoredInvitationStage | StoredStage>;
  readonly #names: ReadonlyMap<string, string>;
  readonly #identifiers: ReadonlyMap<string, string>;
  readonly #references = new Map<string, () => Source>();

  constructor(
    stages: ReadonlyMap<string, StoredInvitationStage | StoredStage>,
    reservedIdentifiers: readonly string[],
    writer: ProgramWriter,
  ) {
    const all = [...stages.values()];
    const identifiers = all.map(({ name }) => toStageIdentifier(name));
    const names = all.map(({ name }) => toLogicalName(name, "stage"));
    const byPk = (values: readonly string[]) => new Map(all.map(({ pk }, index) => [pk, values[index] ?? ""]));
    this.#identifiers = byPk(toUniqueNames(identifiers, "", reservedIdentifiers));
    this.#names = byPk(toUniqueNames(names, "-"));
    this.#stages = stages;
    this.#writer = writer;
  }

  /** The stage's logical name. Only the pk is known of a stage that the token's user is not allowed to view. */
  nameOf(pk: string): string {
    return this.#names.get(pk) ?? pk;
  }

  /** Source code of the stage's pk. */
  referenceTo(pk: string): Source {
    return this.#references.get(pk)?.() ?? new Source(toStringLiteral(pk));
  }

  /** Declares the stages with these pks that are not declared yet. */
  async declare(pks: Iterable<string>): Promise<void> {
    for (const pk of pks) {
      const stage = this.#stages.get(pk);
      if (stage && !this.#references.has(pk)) this.#references.set(pk, await this.#write(stage));
    }
  }

  async #write(stage: StoredInvitationStage | StoredStage): Promise<() => Source> {
    const variable = new Variable(this.#identifiers.get(stage.pk) ?? "");
    const pk = toStringLiteral(stage.pk);
    if (!("continueFlowWithoutInvitation" in stage)) {
      if (stripWhitespace(stage.name) === "") return () => new Source(pk);
      this.#writer.stageLookup(variable, stage.name);
      return () => variable.reference("pk");
    }
    const name = this.nameOf(stage.pk);
    const { properties } = invitationStage;
    const inputs = omitDefaults(
      { ...pick({ ...stage }, Object.keys(properties)), name: stage.name === name ? undefined : stage.name },
      properties,
    );
    const why = await validationError(invitationStageProvider, { ...inputs, name: stage.name });
    if (why === undefined) {
      this.#writer.resource({ type: "InvitationStage", name, inputs, importSource: pk, variable });
      return () => variable.reference("id");
    }
    this.#writer.skip(`The invitation stage ${toStringLiteral(stage.name)} is referenced, but not managed`, why);
    return () => new Source(pk);
  }
}
