import * as pulumi from "@pulumi/pulumi";
import { defaultConnection } from "../common/base-url";
import { serverOf } from "../common/configuration";
import { importedTwice } from "../common/imports";
import { invitationId, normalizeUuid } from "../common/pk";
import { hasStack, perRun } from "../common/run";
import { configuration } from "./configuration";
import { isKnownObject, whenKnown } from "./inputs";

/** The resource or entry that imports an object, by the object's server and hashed pk. */
const importers = perRun(() => new Map<string, string>());

export interface Importer {
  /** What imports the object, such as `Invitation "jane"`. */
  readonly name: string;
  readonly connection: pulumi.Input<string> | undefined;
}

/**
 * The option `import`, of which the program may have one per object: whichever of two resources came second would issue another invitation, or
 * both would own the same one. The provider process cannot see this, because it learns of the resources one by one.
 */
export function claimImport(importer: Importer, pk: pulumi.Input<string>): pulumi.Input<string> {
  const { connection } = importer;
  if (typeof pk === "string" && (connection === undefined || typeof connection === "string")) {
    return claim(importer.name, connection, pk);
  }
  return pulumi.all([connection, pk]).apply(([name, resolved]) => claim(importer.name, name, resolved));
}

export function claimEntryImports({ name, connection }: Importer, invitations: unknown): void {
  whenKnown(invitations, (entries) => {
    if (!isKnownObject(entries)) return;
    for (const [key, entry] of Object.entries(entries)) {
      whenKnown(entry, (properties) => {
        const pk = isKnownObject(properties) ? properties["import"] : undefined;
        if (pk === undefined || pk === null) return;
        claimImport({ name: `the entry ${JSON.stringify(key)} of ${name}`, connection }, pk as pulumi.Input<string>);
      });
    }
  });
}

/** The entries of a batch, with the pks that they import as secrets, as the option `import` of an invitation is one. */
export function protectEntryImports(invitations: unknown): unknown {
  const isImporting = (entry: unknown): entry is Record<string, unknown> =>
    isKnownObject(entry) && entry["import"] !== undefined && entry["import"] !== null;
  if (!isKnownObject(invitations) || !Object.values(invitations).some(isImporting)) return invitations;
  return Object.fromEntries(
    Object.entries(invitations).map(([key, entry]) => [
      key,
      isImporting(entry) ? { ...entry, import: pulumi.secret(entry["import"]) } : entry,
    ]),
  );
}

function claim(name: string, connection: string = defaultConnection, pk: string): string {
  // A value that is no UUID is an error of `check`.
  if (typeof pk !== "string" || normalizeUuid(pk) === undefined || !hasStack()) return pk;
  const object = `${serverOf(configuration, connection)} ${invitationId(pk)}`;
  const other = importers().get(object);
  if (other !== undefined) {
    throw new pulumi.RunError(importedTwice(other, name, pk));
  }
  importers().set(object, name);
  return pk;
}
