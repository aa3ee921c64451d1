// The milter protocol, the milter's side: what a mail server (Postfix, Sendmail) asks while it receives a message, apart
// from what is answered.
export type {
  Macros,
  MilterActions,
  MilterAnswer,
  MilterConnection,
  MilterHandler,
  MilterMessage,
  MilterOutcome,
  MilterPath,
  MilterReply,
  MilterTransaction,
} from "./handler.ts";
export { type MilterPlace, MilterServer } from "./milter-server.ts";
export type { MilterDeadlines, MilterEvent, MilterLimits, MilterServerOptions } from "./options.ts";
