#!/usr/bin/env bash
# A run that is killed at any moment and resumed ends with the same bytes in its last checkpoint, and the same metrics but for time and memory, as one that was never stopped.
#
#   test_killed_runs_end_in_the_same_bytes.sh NERVE CONFIG [ROUNDS]
set -u
nerve=$1 config=$2 rounds=${3:-20}
# Learns enough in a second that the best epoch is not the first; ends early, when patience does.
small=(model.layers=1 model.width=32 model.heads=4 model.inner=48 model.dropout_hidden=0.02 model.dropout_attention=0.02
  train.epochs=20 train.patience=2 train.batch=8 train.lr_encoder=1e-2 train.lr_head=2e-2 train.lr_crf=2e-2
  train.schedule=cosine train.warmup=0 train.layer_decay=0.8 train.accumulate_pieces=100
  train.checkpoint_every=3 train.log_every=1 train.threads=2)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0 hits=0
no_run() { cat "$1"; echo "0 passed, 1 failed, 0 skipped"; exit 1; }

"$nerve" synth "$work/data" --tweets 240 --seed 3 --no-pictures >"$work/synth.log" 2>&1 || no_run "$work/synth.log"
# Always in a subshell, whose place the program takes: a signal must meet the program.
train() { # DIR [argument ...]
  local out=$1
  shift
  exec "$nerve" train "$config" data.dir="$work/data" "${small[@]}" --out "$out" "$@"
}
member() { "$nerve" info "$1/checkpoints/last.h5" --json | sed -n "s/.*\"$2\": *\"\{0,1\}\([0-9a-f]*\).*/\1/p" | head -n 1; }
digest() { member "$1" digest; }
# Every field of time or memory stands at the top level under one of these names.
timeless() { sed -E 's/,?"([a-z_]*_)?(seconds|per_s|mb)":[^,}]*//g; s/,?"eta":[^,}]*//g' "$1/metrics.jsonl"; }

(train "$work/whole" 2>"$work/whole.log" >/dev/null) || no_run "$work/whole.log"
whole=$(digest "$work/whole")
timeless "$work/whole" >"$work/whole.metrics"
[ -n "$whole" ] && [ -s "$work/whole.metrics" ] || no_run <(echo "the uninterrupted run left no digest or no metrics")
total=$(wc -l <"$work/whole.metrics")
[ "$(member "$work/whole" best_epoch)" -gt 1 ] || no_run <(echo "the first epoch was the best: resuming is not put to the test")
[ "$(member "$work/whole" epochs)" -lt 20 ] || no_run <(echo "all epochs were trained: patience is not put to the test")

for ((round = 1; round <= rounds; round++)); do
  dir=$work/run$round
  signal=KILL
  [ $((round % 4)) -ne 0 ] || signal=TERM
  # A kill falls behind any line of metrics.jsonl, or before the first, and a moment later: by a run's progress and not by the clock, which a
  # busy machine stretches. Some runs are killed twice.
  kills=$((1 + round % 2))
  for ((k = 0; k <= kills; k++)); do
    train "$dir" --resume 2>>"$dir.log" >/dev/null &
    pid=$!
    if [ $k -lt $kills ]; then
      target=$((RANDOM % (total + 1)))
      while kill -0 $pid 2>/dev/null && [ "$(cat "$dir/metrics.jsonl" 2>/dev/null | wc -l)" -lt $target ]; do sleep 0.005; done
      sleep 0.0$((RANDOM % 30 + 10))
      kill -$signal $pid 2>/dev/null
    fi
    wait $pid 2>/dev/null
    status=$?
    [ $status -lt 128 ] || hits=$((hits + 1))
  done
  timeless "$dir" >"$dir.metrics"
  leftovers=$(find "$dir" -name '.?*')
  if [ "$status" -eq 0 ] && [ "$(digest "$dir")" = "$whole" ] && cmp -s "$dir.metrics" "$work/whole.metrics" && [ -z "$leftovers" ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "round $round ($signal, $kills kills): exit $status, digest $(digest "$dir"), expected $whole; left behind: ${leftovers:-nothing}"
    diff "$dir.metrics" "$work/whole.metrics" | head -5
    tail -5 "$dir.log"
  fi
  rm -rf "$dir"
done
# Kills that all come too late test nothing.
if [ $((2 * hits)) -lt "$rounds" ]; then
  echo "only $hits kills met a running program"
  failed=$((failed + 1))
fi
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
