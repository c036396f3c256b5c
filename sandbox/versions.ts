/** The recorded versions, oldest first. */
export const authentikVersions = ["2024.8", "2026.2", "2026.5"] as const;

export type AuthentikVersion = (typeof authentikVersions)[number];

export const newestVersion: AuthentikVersion = "2026.5";

/** The differences between the recorded servers, with the cases that show them. */
export interface VersionBehavior {
  /** `version` */
  versionCurrent: string;
  versionLatest: string;
  versionLatestValid: boolean;
  /** `version`, `consume.no-token`: the content type of JSON responses, except those of the flow executor. */
  jsonContentType: string;
  /** `invitations.retrieve.unknown`: "No Invitation matches the given query." instead of "Not found." */
  namesModelInNotFound: boolean;
  /** `stages.list.empty`: list pages end with `autocomplete`. */
  hasAutocomplete: boolean;
  /** `bulk.list.page_size-default`, `bulk.list.page_size-101` */
  defaultPageSize: number;
  maxPageSize: number;
  /** `invitations.list.page-empty`: `page=` is the first page, not an error. */
  treatsEmptyPageAsFirst: boolean;
  /** `invitations.create.name.51` */
  maxSlugLength: number;
  /** `invitations.create.name.spaces` */
  slugError: string;
  /** `invitations.create.name.list`: a value that is not a string fails with the slug error. */
  usesSlugErrorForNonStrings: boolean;
  /** `invitations.create.expires.hour-24` */
  acceptsHour24: boolean;
  /** `invitations.list.search.nul`: a validation error. Otherwise NULs are ignored. */
  rejectsNulInSearch: boolean;
  /** `body.bad-utf8`: a JSON parse error. Otherwise the server crashes. */
  reportsInvalidUtf8: boolean;
  /** `auth.header.scheme`: an authentication error. Otherwise the header is ignored. */
  rejectsOtherAuthSchemes: boolean;
  /** `stages.create.flow_set-empty`, `stages.patch.flow_set-empty`: a server error that saves nothing. Otherwise `flow_set` is ignored. */
  crashesOnFlowSet: boolean;
  /** `flows.create`: `background_url` and `background_themed_urls` in addition to `background`. */
  hasThemedBackgrounds: boolean;
  /** `consume.expired` */
  rejectsExpiredInvitations: boolean;
  /** `consume.expired.retrieve-after`: opening the link of an expired invitation deletes it. */
  deletesRejectedInvitations: boolean;
  /** `email.send.*`: invitations have the action `send_email`. */
  sendsInvitationEmails: boolean;
  /** `events.used.search-hex`: `model_created` events have a `diff` with all values. */
  eventsIncludeDiff: boolean;
  /** `me`, `enroll.user` */
  usersHaveRoles: boolean;
  adminEmail: string;
  layouts: string[];
  authentications: string[];
}

const commonAuthentications = ["none", "require_authenticated", "require_unauthenticated", "require_superuser"];
const commonLayouts = ["stacked", "content_left", "content_right", "sidebar_left", "sidebar_right"];

const behavior2026_2: VersionBehavior = {
  versionCurrent: "2026.2.2",
  versionLatest: "0.0.0",
  versionLatestValid: false,
  jsonContentType: "application/json",
  namesModelInNotFound: true,
  hasAutocomplete: true,
  defaultPageSize: 20,
  maxPageSize: 100,
  treatsEmptyPageAsFirst: true,
  maxSlugLength: Number.POSITIVE_INFINITY,
  slugError: "Enter a valid “slug” consisting of letters, numbers, underscores or hyphens.",
  usesSlugErrorForNonStrings: false,
  acceptsHour24: true,
  rejectsNulInSearch: true,
  reportsInvalidUtf8: true,
  rejectsOtherAuthSchemes: false,
  crashesOnFlowSet: false,
  hasThemedBackgrounds: true,
  rejectsExpiredInvitations: true,
  deletesRejectedInvitations: true,
  sendsInvitationEmails: false,
  eventsIncludeDiff: false,
  usersHaveRoles: true,
  adminEmail: "akadmin@rig.invalid",
  layouts: [...commonLayouts, "sidebar_left_frame_background", "sidebar_right_frame_background"],
  authentications: [...commonAuthentications, "require_redirect", "require_outpost"],
};

export const versionBehaviors: Record<AuthentikVersion, VersionBehavior> = {
  "2024.8": {
    versionCurrent: "2024.8.6",
    versionLatest: "2024.8.6",
    versionLatestValid: true,
    jsonContentType: "application/json; charset=utf-8",
    namesModelInNotFound: false,
    hasAutocomplete: false,
    defaultPageSize: 100,
    maxPageSize: Number.POSITIVE_INFINITY,
    treatsEmptyPageAsFirst: false,
    maxSlugLength: 50,
    slugError: 'Enter a valid "slug" consisting of letters, numbers, underscores or hyphens.',
    usesSlugErrorForNonStrings: true,
    acceptsHour24: false,
    rejectsNulInSearch: false,
    reportsInvalidUtf8: false,
    rejectsOtherAuthSchemes: true,
    crashesOnFlowSet: true,
    hasThemedBackgrounds: false,
    rejectsExpiredInvitations: false,
    deletesRejectedInvitations: false,
    sendsInvitationEmails: false,
    eventsIncludeDiff: true,
    usersHaveRoles: false,
    adminEmail: "root@example.com",
    layouts: commonLayouts,
    authentications: [...commonAuthentications, "require_outpost"],
  },
  "2026.2": behavior2026_2,
  "2026.5": {
    ...behavior2026_2,
    versionCurrent: "2026.5.0-rc1",
    deletesRejectedInvitations: false,
    sendsInvitationEmails: true,
    adminEmail: "root@example.com",
  },
};
