"""What a net needs and what it sees: sizes, costs, receptive fields.

sizes       smallest input, parameters, multiply-adds
receptive   the receptive field by arithmetic: `spans` says it for one axis, `layers` for each layer, `tracked` for
            torch's functions between them, `tracing` runs the net
probing     the NaN probe, which asks the net itself, and the effective receptive field
units       milliseconds and hertz
"""

from speechcnn.models.fields.probing import EffectiveField, effective_field, probe
from speechcnn.models.fields.receptive import Field, ReceptiveFields, receptive_field
from speechcnn.models.fields.sizes import Cost, cost, minimum_size
from speechcnn.models.fields.tracked import FieldError
from speechcnn.models.fields.units import Reach, reach

__all__ = [
    "Cost",
    "EffectiveField",
    "Field",
    "FieldError",
    "Reach",
    "ReceptiveFields",
    "cost",
    "effective_field",
    "minimum_size",
    "probe",
    "reach",
    "receptive_field",
]
