import { log } from "../../common/log";
import { toPrintableLine } from "../../common/printable";
import { hasSecretInput } from "../../common/secret-inputs";
import { describeIgnoredChanges, isRetired } from "../invitation/plan";
import type { BatchInputs } from "./inputs";
import { entryPath, listKeys, maxKeys } from "./names";
import type { PlannedAction } from "./plan";

type Plan = ReadonlyMap<string, PlannedAction>;

/** Says in a preview what the diff does not show: how much of the batch changes, which links are replaced or emailed, and what is ignored. */
export function reportPlan(inputs: BatchInputs, plan: Plan): void {
  const batch = hasSecretInput(inputs, "name") ? "[secret]" : inputs.name;
  const counts = countActions(plan);
  if (counts.length > 0) {
    log.info(toPrintableLine(`${batch} (${countInvitations(plan.size)}): ${counts.join(", ")}`));
  }
  reportReissues(inputs, batch, plan);
  reportUnsentEntries(batch, plan);
  warnAboutIgnoredChanges(batch, plan);
}

const counted: readonly [isCounted: (planned: PlannedAction) => boolean, words: string][] = [
  [({ action, importedPk }) => action === "create" && importedPk === undefined, "to create"],
  [({ importedPk }) => importedPk !== undefined, "to import"],
  [({ action }) => action === "update", "to update"],
  [({ action }) => action === "reissue", "to reissue"],
  [({ action, state }) => action === "delete" && !state?.gone, "to delete"],
  [({ action, state }) => action === "delete" && state?.gone === true, "used or expired to remove from the state"],
  [
    ({ isLinkChanged }) => isLinkChanged === true,
    "with another link, because the slug of the flow or the URL in the configuration changed",
  ],
  [({ addresses }) => addresses.length > 0, "to email"],
];

function countActions(plan: Plan): string[] {
  return counted.flatMap(([isCounted, words]) => {
    const number = [...plan.values()].filter(isCounted).length;
    return number > 0 ? [`${number.toLocaleString("en-US")} ${words}`] : [];
  });
}

function countInvitations(number: number): string {
  return number === 1 ? "1 invitation" : `${number.toLocaleString("en-US")} invitations`;
}

/** The old link of a reissued invitation stops working, so its keys are worth a look. */
function reportReissues(inputs: BatchInputs, batch: string, plan: Plan): void {
  const keys = [...plan].flatMap(([key, { action }]) => (action === "reissue" ? [key] : []));
  if (keys.length === 0 || hasSecretInput(inputs, "invitations")) return;
  log.info(toPrintableLine(`${batch}: reissued, so that the old link stops working: ${listKeys(keys)}`));
}

/** No input changed, so the diff shows nothing. */
function reportUnsentEntries(batch: string, plan: Plan): void {
  const unsent = [...plan.values()].filter(({ action, state }) => action === "email" && state?.__unsentTo);
  if (unsent.length === 0) return;
  log.info(
    `${batch}: the links of ${unsent.length} invitations will be emailed, because the last run did not email them.`,
  );
}

function warnAboutIgnoredChanges(batch: string, plan: Plan): void {
  const ignored = [...plan].flatMap(([key, { action, state, inputs }]) => {
    if (action !== "keep" || state === undefined || inputs === undefined || !isRetired(state)) return [];
    const warning = describeIgnoredChanges(state, { ...inputs });
    return warning === undefined ? [] : [`${batch}: ${entryPath(key)} ${warning}`];
  });
  for (const warning of ignored.slice(0, maxKeys)) log.warn(warning);
  if (ignored.length > maxKeys) {
    log.warn(`${batch}: changes to ${ignored.length - maxKeys} more used or expired invitations are ignored.`);
  }
}
