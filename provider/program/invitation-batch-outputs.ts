import * as pulumi from "@pulumi/pulumi";
import { csvPlacesInput } from "../common/origin";
import { formatLink } from "../common/pk";
import { configuredPublicUrl } from "./configuration";
import { isKnownObject } from "./inputs";
import type { InvitationBatch, InvitationBatchArgs } from "./invitation-batch";
import { placesOf } from "./invitations-from-csv";
import { warnAboutEmailedLinks, warnAboutLinkHost } from "./link-warnings";
import { defineUsed } from "./resource";

interface Details {
  readonly flowSlug?: string | null;
}

/** Outputs that are only for this package. */
interface StoredDetails {
  readonly __common: pulumi.Output<Details>;
  readonly __details: pulumi.Output<Record<string, Details>>;
}

/** The lines of the CSV file, for errors about its entries. */
export function hiddenInputs(args: InvitationBatchArgs | undefined): object {
  return { [csvPlacesInput]: placesOf(args?.invitations) };
}

/** Adds what only the program can: the links for the states of earlier versions, and warnings about links. */
export function completeBatch(batch: InvitationBatch, args: InvitationBatchArgs | undefined): void {
  const { links } = batch;
  defineUsed(batch, "links", () => {
    warnAboutLinkHost(args?.connection);
    return orBuilt(links, batch, args?.connection);
  });
  if (args === undefined || !mayHaveEmail(args.invitations)) return;
  pulumi.output(args.invitations).apply((entries) => {
    if (Object.values(entries ?? {}).some((entry) => entry?.email)) warnAboutEmailedLinks(args.connection);
  });
}

/** The links in the state, or those that the program builds: the state of an earlier version has none until a refresh or an update writes them. */
function orBuilt(
  links: pulumi.Output<Record<string, string> | undefined>,
  batch: InvitationBatch,
  connection: pulumi.Input<string> | undefined,
): pulumi.Output<Record<string, string>> {
  const { pks, __common, __details } = batch as InvitationBatch & StoredDetails;
  const built = pulumi
    .all([links, pks, __common, __details, connection])
    .apply(([stored, pksByKey, common, details, name]) => {
      if (stored !== undefined) return stored;
      const baseUrl = configuredPublicUrl(name)?.url;
      // Unit tests with mocks may return no pks.
      const entries = Object.entries(pksByKey ?? {}).flatMap(([key, pk]) => {
        const own = details[key];
        const slug = (own && "flowSlug" in own ? own.flowSlug : common.flowSlug) ?? undefined;
        const link = formatLink(baseUrl, slug, pk);
        return link === undefined ? [] : [[key, link] as const];
      });
      return Object.fromEntries(entries);
    });
  return pulumi.secret(built);
}

/** Whether an entry has `email`. Assumed of entries that are not known yet. */
function mayHaveEmail(invitations: unknown): boolean {
  if (!isKnownObject(invitations)) return invitations !== undefined;
  return Object.values(invitations).some((entry) =>
    isKnownObject(entry) ? entry["email"] !== undefined : entry !== undefined,
  );
}
