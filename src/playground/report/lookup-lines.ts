import { describeStep, type LookupReport, type TrailStep } from "../../key-lookup/index.ts";

/** How a key was found, in lines: the way to the key server and the dialogue with it. */
export function lookupLines({ trail }: LookupReport): string[] {
  return trail.flatMap(stepLines);
}

function stepLines(step: TrailStep): string[] {
  switch (step.kind) {
    // What the policy record holds matters elsewhere; every address here is 127.0.0.1; the line says it itself.
    case "policy":
    case "dns":
    case "target":
    case "addresses":
    case "connecting":
    case "statement":
    case "kept":
    case "paused":
      return [];
    case "remembered":
      return ["known from an earlier message; the time its server allowed (ttl) has not run out"];
    case "hosts":
      return [`DNS (${SOURCES[step.source]}): ${step.hosts.join(", ")}`];
    case "connection":
      return step.kept ? [`(the connection to ${step.target} is still open)`] : [];
    case "certificate":
      return step.trust === null
        ? [describeStep(step)]
        : [`(inside TLS; its certificate is worth ${step.trust} trust)`];
    case "line":
      return [`${step.from === "client" ? "C" : "S"}: ${shortened(step.text)}`];
    default:
      return [describeStep(step)];
  }
}

const SOURCES = {
  mx: "MX",
  address: "no MX, the domain itself",
  srv: "SRV",
  sub: "as the policy record says",
  fallback: "the name every domain may use",
} as const;

/** Of public keys and signatures the beginning will do. */
function shortened(line: string): string {
  return line.replaceAll(/\b([ps])=([A-Za-z0-9+/=]{12})[A-Za-z0-9+/=]+/g, "$1=$2…");
}
