"""Runs the proofs in turn, or those that are named; ends with 1 where a promise is broken, and says which."""

import argparse
import importlib
import random
import sys
import time

from judged import BrokenError

PARTS = ("kills", "faults", "inputs", "models", "recovery", "mutations")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parser.add_argument("--seed", type=int, default=None, help="of the random choices; printed, to repeat a run")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    seed = random.SystemRandom().randrange(10**6) if asked.seed is None else asked.seed
    broken = [part for part in PARTS if part in (asked.parts or PARTS) and not _holds(part, seed)]
    sys.exit(f"broken: {', '.join(broken)} (seed {seed})" if broken else None)


def _holds(part: str, seed: int) -> bool:
    print(f"\n== {part} (seed {seed})", flush=True)
    began = time.monotonic()
    try:
        importlib.import_module(part).main(seed)
    except (BrokenError, AssertionError) as error:
        print(f"BROKEN: {_with_causes(error)}", flush=True)
        return False
    finally:
        print(f"   {part} took {time.monotonic() - began:.0f} s", flush=True)
    return True


def _with_causes(error: BaseException) -> str:
    """What was raised first stands last: the end of a context may raise an error of its own."""
    before = error.__cause__ or error.__context__
    return f"{error}\n{_with_causes(before)}" if before else str(error)


if __name__ == "__main__":
    main()
