// The numbers and letters of the milter protocol, as libmilter's mfdef.h and mfapi.h have them.

/** Highest version: Sendmail 8.14 and Postfix 2.6 and later. */
export const highestVersion = 6;
/** What Sendmail 8.12 spoke; nobody speaks less. */
export const lowestVersion = 2;

/** What mail servers say. */
export const command = {
  abort: "A",
  body: "B",
  connect: "C",
  macros: "D",
  endOfMessage: "E",
  helo: "H",
  quitForNew: "K",
  header: "L",
  mail: "M",
  endOfHeader: "N",
  negotiate: "O",
  quit: "Q",
  rcpt: "R",
  data: "T",
  unknown: "U",
} as const;

/** What milters answer. */
export const answer = {
  accept: "a",
  replaceBody: "b",
  continue: "c",
  discard: "d",
  addHeader: "h",
  insertHeader: "i",
  changeHeader: "m",
  progress: "p",
  quarantine: "q",
  replyCode: "y",
} as const;

/** What a milter may do (SMFIF_*). */
export const action = {
  addHeaders: 0x01,
  changeBody: 0x02,
  changeHeaders: 0x10,
  quarantine: 0x20,
  setMacros: 0x100,
} as const;

/** How they speak (SMFIP_*). */
export const protocol = {
  noUnknown: 0x100,
  silentHeader: 0x80,
  silentConnect: 0x1000,
  silentHelo: 0x2000,
  silentMail: 0x4000,
  silentRcpt: 0x8000,
  silentUnknown: 0x20000,
  silentEndOfHeader: 0x40000,
  silentBody: 0x80000,
  /** Values keep the space behind the colon. */
  leadingSpace: 0x100000,
  packets256K: 0x10000000,
  packets1M: 0x20000000,
} as const;

/** What servers of old offer that send zero (SMFI_V1_ACTS, SMFI_V1_PROT). */
export const firstActions = 0x0f;
export const firstProtocol = 0x3f;

/** Data of one packet to a mail server: none may take more (MILTER_MAX_DATA_SIZE). */
export const answerOctets = 65_535;

/** Whether a milter may ask for macros at a stage (SMFIM_*), by that stage's command. */
export const macroStage = {
  connect: 0,
  helo: 1,
  mail: 2,
  rcpt: 3,
  data: 4,
  endOfMessage: 5,
  endOfHeader: 6,
} as const;
