;; Relaxed body canonicalization (MSG-11) of one slice of a body, in place, 64 octets at a time.
;;
;; JavaScript finds patterns well only with a native call for each line, which costs more than hashing the
;; line; a byte loop costs four times the hash. Most octets need no change: this looks at 64 of them in a few
;; comparisons, and at each octet only where a run of white space or a torn line end asks for it.
;;
;; Memory: 0..19   state, kept by the caller between slices (five i32):
;;           0 lineLength  octets of the current line before this slice, its line end not counted
;;           4 pendingCr   1: the slice before ended with CR, not yet written
;;           8 pendingWsp  1: the slice before ended in white space, not yet written
;;          12 fault       0 none, 1 NUL, 2 bare CR, 3 bare LF, 4 line over 998 octets
;;          16 faultAt     offset of the fault in this slice; -1 is the last octet of the slice before
;;         64        input, and the output in its place: it never overtakes the input, and begins at 63 when the
;;                   slice before left an octet pending; octets that need not move are not written
(module
  (memory (export "memory") 2)

  ;; (canonicalize length) -> the address behind the output
  (func (export "canonicalize") (param $length i32) (result i32)
    (local $in i32) (local $end i32) (local $out i32) (local $lineStart i32)
    (local $cr i32) (local $wsp i32)                    ;; was the octet before a CR, white space?
    (local $v0 v128) (local $v1 v128) (local $v2 v128) (local $v3 v128) (local $c v128)
    (local $low i64) (local $crs i64) (local $lfs i64) (local $sp i64)
    (local $torn i64) (local $loose i64)
    (local $stop i32) (local $octet i32) (local $blank i32)
    (local.set $in (i32.const 64))
    (local.set $out (i32.const 64))
    (local.set $end (i32.add (local.get $in) (local.get $length)))
    (local.set $lineStart (i32.sub (local.get $in) (i32.load (i32.const 0))))
    (local.set $cr (i32.load (i32.const 4)))
    (local.set $wsp (i32.load (i32.const 8)))
    (if (local.get $cr) (then
      (i32.store8 (i32.const 63) (i32.const 13))
      (local.set $lineStart (i32.sub (local.get $lineStart) (i32.const 1)))))
    (if (local.get $wsp) (then (i32.store8 (i32.const 63) (i32.const 32))))

    (block $fault
      (block $done
        (loop $next
          (br_if $done (i32.ge_u (local.get $in) (local.get $end)))
          (local.set $stop (i32.add (local.get $in) (i32.const 1)))
          (if (i32.le_u (i32.add (local.get $in) (i32.const 64)) (local.get $end)) (then
            (local.set $v0 (v128.load (local.get $in)))
            (local.set $v1 (v128.load offset=16 (local.get $in)))
            (local.set $v2 (v128.load offset=32 (local.get $in)))
            (local.set $v3 (v128.load offset=48 (local.get $in)))
            ;; 64-bit masks, one bit an octet: which are at most SP, which are CR, which LF
            (local.set $c (i8x16.splat (i32.const 32)))
            (local.set $low (call $bits
              (i8x16.le_u (local.get $v0) (local.get $c)) (i8x16.le_u (local.get $v1) (local.get $c))
              (i8x16.le_u (local.get $v2) (local.get $c)) (i8x16.le_u (local.get $v3) (local.get $c))))
            (local.set $c (i8x16.splat (i32.const 13)))
            (local.set $crs (call $bits
              (i8x16.eq (local.get $v0) (local.get $c)) (i8x16.eq (local.get $v1) (local.get $c))
              (i8x16.eq (local.get $v2) (local.get $c)) (i8x16.eq (local.get $v3) (local.get $c))))
            (local.set $c (i8x16.splat (i32.const 10)))
            (local.set $lfs (call $bits
              (i8x16.eq (local.get $v0) (local.get $c)) (i8x16.eq (local.get $v1) (local.get $c))
              (i8x16.eq (local.get $v2) (local.get $c)) (i8x16.eq (local.get $v3) (local.get $c))))
            (local.set $sp (i64.xor (local.get $low) (i64.or (local.get $crs) (local.get $lfs))))
            ;; an LF that is not behind a CR, a CR that is not before an LF
            (local.set $torn (i64.xor (local.get $lfs)
              (i64.or (i64.shl (local.get $crs) (i64.const 1)) (i64.extend_i32_u (local.get $cr)))))
            ;; white space or CR behind white space
            (local.set $loose (i64.and
              (i64.or (i64.shl (local.get $sp) (i64.const 1)) (i64.extend_i32_u (local.get $wsp)))
              (i64.or (local.get $sp) (local.get $crs))))
            (if (i64.ne (local.get $sp) (i64.const 0)) (then
              ;; what is neither CR nor LF but SP: HTAB, NUL or another control character
              (local.set $c (i8x16.splat (i32.const 32)))
              (local.set $loose (i64.or (local.get $loose) (i64.xor (local.get $sp) (call $bits
                (i8x16.eq (local.get $v0) (local.get $c)) (i8x16.eq (local.get $v1) (local.get $c))
                (i8x16.eq (local.get $v2) (local.get $c)) (i8x16.eq (local.get $v3) (local.get $c))))))
              (if (i64.ne (local.get $loose) (i64.const 0)) (then
                ;; the lowest octet of the 64
                (local.set $c (i8x16.min_u
                  (i8x16.min_u (local.get $v0) (local.get $v1)) (i8x16.min_u (local.get $v2) (local.get $v3))))
                (if (i32.eqz (i8x16.all_true (local.get $c))) (then
                  (local.set $torn (i64.or (local.get $torn) (local.get $loose)))))))))
            ;; whole CRLFs only, no NUL
            (if (i64.eqz (local.get $torn)) (then
              (if (i64.ne (local.get $lfs) (i64.const 0)) (then
                ;; the first line end closes the current line; those behind it close lines under 64 octets
                (br_if $fault (call $tooLong
                  (i32.sub (i32.add (local.get $in) (i32.wrap_i64 (i64.ctz (local.get $lfs)))) (i32.const 1))
                  (local.get $lineStart)))
                (local.set $lineStart
                  (i32.add (local.get $in) (i32.sub (i32.const 64) (i32.wrap_i64 (i64.clz (local.get $lfs))))))))
              (local.set $cr (i32.wrap_i64 (i64.shr_u (local.get $crs) (i64.const 63))))
              (local.set $stop (i32.add (local.get $in) (i32.const 64)))
              ;; single spaces inside lines: all of it stands as it is
              (if (i64.eqz (local.get $loose)) (then
                (if (i32.ne (local.get $out) (local.get $in)) (then
                  (v128.store (local.get $out) (local.get $v0))
                  (v128.store offset=16 (local.get $out) (local.get $v1))
                  (v128.store offset=32 (local.get $out) (local.get $v2))
                  (v128.store offset=48 (local.get $out) (local.get $v3))))
                (local.set $in (local.get $stop))
                (local.set $out (i32.add (local.get $out) (i32.const 64)))
                (local.set $wsp (i32.wrap_i64 (i64.shr_u (local.get $sp) (i64.const 63))))
                (br $next)))
              ;; runs of white space: without a branch for each octet, which nobody could predict
              (loop $squeeze
                (local.set $octet (i32.load8_u (local.get $in)))
                (local.set $blank
                  (i32.or (i32.eq (local.get $octet) (i32.const 32)) (i32.eq (local.get $octet) (i32.const 9))))
                ;; white space and CR take the place of white space before them
                (local.set $out (i32.sub (local.get $out)
                  (i32.and (local.get $wsp)
                    (i32.or (local.get $blank) (i32.eq (local.get $octet) (i32.const 13))))))
                (i32.store8 (local.get $out) (select (i32.const 32) (local.get $octet) (local.get $blank)))
                (local.set $out (i32.add (local.get $out) (i32.const 1)))
                (local.set $wsp (local.get $blank))
                (local.set $in (i32.add (local.get $in) (i32.const 1)))
                (br_if $squeeze (i32.lt_u (local.get $in) (local.get $stop))))
              (br $next)))
            ;; up to and including the first octet in doubt
            (local.set $stop
              (i32.add (local.get $in) (i32.add (i32.wrap_i64 (i64.ctz (local.get $torn))) (i32.const 1))))))

          ;; one octet at a time up to $stop
          (loop $one
            (local.set $octet (i32.load8_u (local.get $in)))
            (if (local.get $cr)
              (then
                (if (i32.ne (local.get $octet) (i32.const 10)) (then
                  (br $fault (call $setFault (i32.const 2) (i32.sub (local.get $in) (i32.const 1))))))
                (br_if $fault (call $tooLong (i32.sub (local.get $in) (i32.const 1)) (local.get $lineStart)))
                (local.set $lineStart (i32.add (local.get $in) (i32.const 1)))
                (local.set $cr (i32.const 0))
                (i32.store8 (local.get $out) (i32.const 10))
                (local.set $out (i32.add (local.get $out) (i32.const 1))))
              (else
                (if (i32.gt_u (local.get $octet) (i32.const 32))
                  (then
                    (local.set $wsp (i32.const 0))
                    (i32.store8 (local.get $out) (local.get $octet))
                    (local.set $out (i32.add (local.get $out) (i32.const 1))))
                  (else (if (i32.or (i32.eq (local.get $octet) (i32.const 32)) (i32.eq (local.get $octet) (i32.const 9)))
                    (then
                      (if (i32.eqz (local.get $wsp)) (then
                        (local.set $wsp (i32.const 1))
                        (i32.store8 (local.get $out) (i32.const 32))
                        (local.set $out (i32.add (local.get $out) (i32.const 1))))))
                    (else (if (i32.eq (local.get $octet) (i32.const 13))
                      (then
                        (local.set $out (i32.sub (local.get $out) (local.get $wsp)))
                        (local.set $wsp (i32.const 0))
                        (local.set $cr (i32.const 1))
                        (i32.store8 (local.get $out) (i32.const 13))
                        (local.set $out (i32.add (local.get $out) (i32.const 1))))
                      (else
                        (if (i32.eq (local.get $octet) (i32.const 10)) (then
                          (br $fault (call $setFault (i32.const 3) (local.get $in)))))
                        (if (i32.eqz (local.get $octet)) (then
                          (br $fault (call $setFault (i32.const 1) (local.get $in)))))
                        (local.set $wsp (i32.const 0))
                        (i32.store8 (local.get $out) (local.get $octet))
                        (local.set $out (i32.add (local.get $out) (i32.const 1)))))))))))
            (local.set $in (i32.add (local.get $in) (i32.const 1)))
            (br_if $one (i32.lt_u (local.get $in) (local.get $stop))))
          (br $next)))

      ;; the end of the slice: hold back what the next one decides about
      (br_if $fault (call $tooLong (i32.sub (local.get $in) (local.get $cr)) (local.get $lineStart)))
      (local.set $out (i32.sub (local.get $out) (i32.or (local.get $cr) (local.get $wsp))))
      (i32.store (i32.const 0) (i32.sub (i32.sub (local.get $in) (local.get $cr)) (local.get $lineStart)))
      (i32.store (i32.const 4) (local.get $cr))
      (i32.store (i32.const 8) (local.get $wsp)))
    (local.get $out))

  ;; the top bits of 64 octets
  (func $bits (param $a v128) (param $b v128) (param $c v128) (param $d v128) (result i64)
    (i64.or
      (i64.extend_i32_u (i32.or
        (i8x16.bitmask (local.get $a)) (i32.shl (i8x16.bitmask (local.get $b)) (i32.const 16))))
      (i64.shl
        (i64.extend_i32_u (i32.or
          (i8x16.bitmask (local.get $c)) (i32.shl (i8x16.bitmask (local.get $d)) (i32.const 16))))
        (i64.const 32))))

  ;; (tooLong endOfText lineStart) -> 1 and fault 4 when the line has more than 998 octets (RFC 5322 §2.1.1)
  (func $tooLong (param $end i32) (param $lineStart i32) (result i32)
    (if (i32.le_s (i32.sub (local.get $end) (local.get $lineStart)) (i32.const 998)) (then (return (i32.const 0))))
    (call $setFault (i32.const 4) (i32.add (local.get $lineStart) (i32.const 998)))
    (i32.const 1))

  (func $setFault (param $fault i32) (param $at i32)
    (i32.store (i32.const 12) (local.get $fault))
    (i32.store (i32.const 16) (i32.sub (local.get $at) (i32.const 64)))))
